// The tables of ledger.db.
#pragma once

#include "absl/status/statusor.h"
#include "server/storage/schema_versions.h"
#include "server/storage/sql/connection.h"

namespace postern::storage {

// The version that this release writes.
inline constexpr int kSchemaVersion = 4;

// 0 for a database without tables.
absl::StatusOr<int> ReadSchemaVersion(Connection& db);

// Brings the database to kSchemaVersion: see MigrateBy.
absl::StatusOr<SchemaVersions> Migrate(Connection& db, bool dry_run = false);

}  // namespace postern::storage
