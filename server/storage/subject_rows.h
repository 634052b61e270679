// Rows about people: what is on record about a subject, and what subjects asked. Part of store.h.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proto/postern/v1/subject_rights.pb.h"
#include "server/crypto/uuid7.h"
#include "server/storage/types.h"

namespace postern::storage {

// One fact on record about a subject. At most one for each (subject, kind, key).
struct SubjectRecordRow {
  // Numbers are stored; never reuse one.
  enum class Kind : uint8_t {
    kConsent = 1,
    kRestriction = 2,
    kSuppression = 3,
    kLegalHold = 4,
    kGuardian = 5,
    kCanary = 6
  } kind = Kind::kConsent;
  int64_t row = 0;  // place in ListSubjectRecords; set by reads
  Mac16 subject{};
  std::string key;       // what it is about, for example "category:marketing"; empty where a kind has one record only
  std::string resource;  // the serialised message of its kind; empty in a write: the record goes
  // What is left to do after a use was closed, to be taken up after a crash: withdraw what waits, and notify partners.
  enum class Work : uint8_t { kNone = 0, kRecallAndNotify = 1, kRecall = 2 } work = Work::kNone;
};

struct SubjectRequestRow {
  v1::SubjectRequest request;
  std::array<uint8_t, 16> principal{};  // short digest of who made it
  crypto::Uuid request_id;              // once for each principal
};

// The reads; writes are in ChangeSet.
class SubjectReads {
 public:
  virtual ~SubjectReads() = default;
  // Records of every subject with row above `after`, in order of row.
  virtual absl::StatusOr<std::vector<SubjectRecordRow>> ListSubjectRecords(int64_t after, int limit) = 0;
  virtual absl::StatusOr<std::vector<SubjectRecordRow>> ReadSubjectRecords(const Mac16& subject) = 0;
  // NOT_FOUND.
  virtual absl::StatusOr<SubjectRequestRow> ReadSubjectRequest(absl::string_view name) = 0;
  // NOT_FOUND if the principal made no request under this id.
  virtual absl::StatusOr<SubjectRequestRow> FindSubjectRequest(const Mac16& principal,
                                                               const crypto::Uuid& request_id) = 0;
  // Open requests of guardians by due time, then other open ones, then ended ones by the time they came in; from
  // `offset`.
  virtual absl::StatusOr<std::vector<SubjectRequestRow>> ListSubjectRequests(bool open_only, int64_t offset,
                                                                             int limit) = 0;
};

}  // namespace postern::storage
