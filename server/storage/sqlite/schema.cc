#include "server/storage/sqlite/schema.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/storage/sql/migration.h"

namespace postern::storage {
namespace {

constexpr const char* kMigrations[] = {
#include "server/storage/sqlite/schema_v1.inc"
#include "server/storage/sqlite/schema_v2.inc"
#include "server/storage/sqlite/schema_v3.inc"
#include "server/storage/sqlite/schema_v4.inc"
};
static_assert(sizeof(kMigrations) / sizeof(kMigrations[0]) == kSchemaVersion);

absl::Status WriteVersion(Connection& db, int version) {
  return db.Execute(absl::StrCat("PRAGMA user_version = ", version).c_str(), "set the schema version");
}

}  // namespace

absl::StatusOr<int> ReadSchemaVersion(Connection& db) {
  Query query(db, "PRAGMA user_version");
  const int version = query.Next() ? static_cast<int>(query.Int(0)) : 0;
  POSTERN_RETURN_IF_ERROR(query.status());
  return version;
}

absl::StatusOr<SchemaVersions> Migrate(Connection& db, bool dry_run) {
  return MigrateBy(db, {kMigrations, "BEGIN IMMEDIATE", ReadSchemaVersion, WriteVersion}, dry_run);
}

}  // namespace postern::storage
