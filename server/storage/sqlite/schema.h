// The tables of ledger.db. Migrations go forward only; each is one transaction.
#pragma once

#include "absl/status/status.h"
#include "server/storage/sqlite/connection.h"

namespace postern::storage {

// The version that this release writes.
inline constexpr int kSchemaVersion = 4;

// Brings the database to kSchemaVersion, from nothing if it is empty. FAILED_PRECONDITION if it is newer;
// LEDGER_UNAVAILABLE.
absl::Status Migrate(Connection& db);

}  // namespace postern::storage
