// The index of subjects as a set of (name, position), from either side.
#pragma once

#include "absl/status/statusor.h"
#include "server/storage/move/row_digest.h"
#include "server/storage/sql/connection.h"

namespace postern::storage {

// What the disclosures say: each under its subjects and its order.
absl::StatusOr<SetDigest> NamesOfDisclosures(Connection& db);
// What PostgreSQL's index has. Within a transaction.
absl::StatusOr<SetDigest> NamesInIndex(Connection& db);

}  // namespace postern::storage
