// Reading the audit log: leaves, and the hashes of complete subtrees for proofs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/storage/sql/connection.h"
#include "server/storage/store.h"

namespace postern::storage {

absl::StatusOr<TreeHead> ReadTreeHeadFrom(Connection& db);
absl::StatusOr<std::vector<std::string>> ReadLeavesFrom(Connection& db, uint64_t start, int limit);
// From stored nodes and at most 255 leaves or nodes below them. NOT_FOUND if the subtree is not complete.
absl::StatusOr<Hash32> ReadTreeHashFrom(Connection& db, int level, uint64_t index);

}  // namespace postern::storage
