// Rows of investigations. Part of store.h.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/postern/v1/investigation.pb.h"
#include "server/crypto/uuid7.h"
#include "server/storage/types.h"

namespace postern::storage {

struct InvestigationRow {
  v1::Investigation investigation;
  std::array<uint8_t, 16> principal{};  // short digest of who made it
  crypto::Uuid request_id;              // once for each principal
};

// The reads; writes are in ChangeSet.
class InvestigationReads {
 public:
  virtual ~InvestigationReads() = default;
  // NOT_FOUND.
  virtual absl::StatusOr<InvestigationRow> ReadInvestigation(absl::string_view name) = 0;
  // NOT_FOUND if the principal made none under this id.
  virtual absl::StatusOr<InvestigationRow> FindInvestigation(const Mac16& principal,
                                                             const crypto::Uuid& request_id) = 0;
  // Urgent open ones by due time, then other open ones, then resolved ones; from `offset`.
  virtual absl::StatusOr<std::vector<InvestigationRow>> ListInvestigations(bool open_only, int64_t offset,
                                                                           int limit) = 0;
};

}  // namespace postern::storage
