#include "server/storage/postgres/schema.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/storage/sql/migration.h"

namespace postern::storage {
namespace {

constexpr const char* kMigrations[] = {
#include "server/storage/postgres/schema_v1.inc"
};
static_assert(sizeof(kMigrations) / sizeof(kMigrations[0]) == kPostgresSchemaVersion);

absl::Status WriteVersion(Connection& db, int version) {
  return Query(db, "UPDATE schema_version SET version = ?").Bind(version).Run();
}

// Who may use a schema need not be allowed to make one.
absl::Status MakeSchema(PostgresConnection& db, absl::string_view schema) {
  Query query(db, "SELECT to_regnamespace(?) IS NOT NULL");
  query.BindText(schema);
  const bool exists = query.Next() && query.Int(0) != 0;
  POSTERN_RETURN_IF_ERROR(query.status());
  return exists ? absl::OkStatus() : db.Execute(absl::StrCat("CREATE SCHEMA ", schema).c_str(), "create the schema");
}

}  // namespace

absl::StatusOr<int> ReadPostgresSchemaVersion(Connection& db) {
  {
    Query exists(db, "SELECT to_regclass('schema_version') IS NOT NULL");
    const bool found = exists.Next() && exists.Int(0) != 0;
    POSTERN_RETURN_IF_ERROR(exists.status());
    if (!found) return 0;
  }
  Query query(db, "SELECT version FROM schema_version");
  const int version = query.Next() ? static_cast<int>(query.Int(0)) : 0;
  POSTERN_RETURN_IF_ERROR(query.status());
  return version;
}

absl::StatusOr<SchemaVersions> MigratePostgres(PostgresConnection& db, absl::string_view schema, bool dry_run) {
  if (!dry_run) POSTERN_RETURN_IF_ERROR(MakeSchema(db, schema));
  return MigrateBy(db, {kMigrations, "BEGIN", ReadPostgresSchemaVersion, WriteVersion}, dry_run);
}

}  // namespace postern::storage
