// Erasure of a person: nothing more is disclosed, what is stored is dead, and every recipient is told to delete.
//
// The order of the steps is the promise. 1: one transaction suppresses the person and raises the fences, so that a
// racing disclosure is either in the ledger before it or refused. 2: the keys of everything in the ledger are
// destroyed; no queue hands over a record whose key is gone, and what was handed over before is at or below a durable
// dispatch mark. 3: the ledger, read after that, names everything that a partner may hold; the notices go out in the
// transaction that says the erasure is effective. A crash between steps is taken up by Continue.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/postern/v1/subject_rights_service.pb.h"
#include "server/crypto/uuid7.h"
#include "server/rights/plane.h"
#include "server/rights/subject_ledger.h"

namespace postern::rights {

inline constexpr absl::string_view kCertificatePayloadType = "application/vnd.postern.erasure-certificate.v1+protobuf";

// Thread-safe, except that the caller of Run, Continue and Preview holds RightsPlane::mutex. Errors: storage errors.
class Eraser {
 public:
  Eraser(RightsPlane* plane, SubjectLedger* ledger) : plane_(*plane), ledger_(*ledger) {}

  // Begins, or writes why it must wait (SCHEDULED). Effective when it returns OK with the request IN_PROGRESS.
  absl::Status Run(storage::SubjectRequestRow* row, absl::string_view principal);
  // Steps 2 and 3 of a request that is IN_PROGRESS and not effective yet.
  absl::Status Continue(storage::SubjectRequestRow* row);
  // What Run would do now: state, reason to wait, and how many records each partner holds.
  absl::Status Preview(v1::SubjectRequest* request);

  // Fills in what partners have answered until now, and whether the keys are gone from every backup.
  absl::Status ReadProgress(v1::SubjectRequest* request);
  static bool EveryoneAnswered(const v1::SubjectRequest& request);
  // REQUEST_STATE unless the request is a fulfilled erasure.
  absl::StatusOr<v1::GetErasureCertificateResponse> Certificate(const v1::GetErasureCertificateRequest& request);

 private:
  // Sets state and reason if the request has to wait; true if so.
  absl::StatusOr<bool> MustWait(absl::Span<const storage::Mac16> subjects, v1::SubjectRequest* request);
  absl::Status ShredKeys(absl::Span<const storage::Mac16> subjects);

  RightsPlane& plane_;
  SubjectLedger& ledger_;
  crypto::Uuid7Generator ids_;
};

// The subjects of a stored request. INTERNAL if a name is none.
absl::StatusOr<std::vector<storage::Mac16>> SubjectsOf(const v1::SubjectRequest& request);

}  // namespace postern::rights
