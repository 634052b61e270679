// Bringing the tables of a store forward. Migrations go forward only; each is one transaction.
#pragma once

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/storage/schema_versions.h"
#include "server/storage/sql/connection.h"

namespace postern::storage {

// How one database writes its tables and their version.
struct SchemaSteps {
  absl::Span<const char* const> steps;                               // the i-th brings version i to i + 1
  const char* begin;                                                 // begins a transaction that writes
  absl::FunctionRef<absl::StatusOr<int>(Connection&)> read_version;  // 0 where there are no tables
  absl::FunctionRef<absl::Status(Connection&, int)> write_version;
};

// Brings the database to the newest version, from nothing if it is empty: then it gets what every store has from its
// first moment, an identity and an empty tree. A dry run does all of it in one transaction and undoes it.
// FAILED_PRECONDITION if the database is of a later release; LEDGER_UNAVAILABLE.
absl::StatusOr<SchemaVersions> MigrateBy(Connection& db, const SchemaSteps& schema, bool dry_run);

}  // namespace postern::storage
