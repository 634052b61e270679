// The tables of a ledger in PostgreSQL. Versions are counted apart from SQLite's.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/storage/postgres/connection.h"
#include "server/storage/schema_versions.h"

namespace postern::storage {

// The version that this release writes.
inline constexpr int kPostgresSchemaVersion = 1;

// The version of the tables in the session's schema; 0 if it has none.
absl::StatusOr<int> ReadPostgresSchemaVersion(Connection& db);

// Brings `schema`, which is the session's, to kPostgresSchemaVersion, making it if it is not there: see MigrateBy.
absl::StatusOr<SchemaVersions> MigratePostgres(PostgresConnection& db, absl::string_view schema, bool dry_run = false);

}  // namespace postern::storage
