// The tables of a ledger in PostgreSQL. Migrations go forward only; each is one transaction. Versions are counted apart
// from SQLite's.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/storage/postgres/connection.h"

namespace postern::storage {

// The version that this release writes.
inline constexpr int kPostgresSchemaVersion = 1;

// Brings `schema` to kPostgresSchemaVersion, from nothing if it is not there. FAILED_PRECONDITION if it is newer, or
// if it has tables of another kind; LEDGER_UNAVAILABLE.
absl::Status MigratePostgres(PostgresConnection& db, absl::string_view schema);

}  // namespace postern::storage
