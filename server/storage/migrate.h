// Bringing a store's tables forward while no gateway runs.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "server/storage/schema_versions.h"

namespace postern::storage {

// Brings the store to the version of this release, as opening it would. A dry run does the same in one transaction and
// undoes it. NOT_FOUND if there is none; FAILED_PRECONDITION if it is in use or of a later release;
// LEDGER_UNAVAILABLE.
absl::StatusOr<SchemaVersions> MigrateSqliteStore(const std::string& directory, bool dry_run);
absl::StatusOr<SchemaVersions> MigratePostgresStore(const std::string& conninfo, const std::string& schema,
                                                    bool dry_run);

}  // namespace postern::storage
