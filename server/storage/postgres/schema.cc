#include "server/storage/postgres/schema.h"

#include <array>
#include <string>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/crypto/merkle.h"
#include "server/crypto/random.h"
#include "server/storage/errors.h"
#include "server/storage/sql/packing.h"

namespace postern::storage {
namespace {

constexpr const char* kMigrations[] = {
#include "server/storage/postgres/schema_v1.inc"
};
static_assert(sizeof(kMigrations) / sizeof(kMigrations[0]) == kPostgresSchemaVersion);

absl::StatusOr<int> ReadVersion(PostgresConnection& db) {
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

// What every store has from its first moment: an identity and an empty tree.
absl::Status FillEmptyStore(Connection& db) {
  std::array<uint8_t, 16> instance{};
  POSTERN_RETURN_IF_ERROR(crypto::FillRandom(instance.data(), instance.size()));
  POSTERN_RETURN_IF_ERROR(Query(db, "INSERT INTO meta(key, value) VALUES('instance', ?)").Bind(View(instance)).Run());
  const crypto::MerkleFrontier empty;
  const std::string frontier = empty.Serialize();
  const Hash32 root = empty.Root();
  return Query(db, "INSERT INTO tree_head(one, size, root, frontier) VALUES(1, 0, ?, ?)")
      .Bind(View(root))
      .Bind(frontier)
      .Run();
}

absl::Status MigrateFrom(PostgresConnection& db, int version) {
  POSTERN_RETURN_IF_ERROR(db.Execute("BEGIN", "begin a migration"));
  POSTERN_RETURN_IF_ERROR(db.Execute(kMigrations[version], "migrate the schema"));
  if (version == 0) POSTERN_RETURN_IF_ERROR(FillEmptyStore(db));
  POSTERN_RETURN_IF_ERROR(Query(db, "UPDATE schema_version SET version = ?").Bind(version + 1).Run());
  db.Send("COMMIT");
  return db.Sync();
}

}  // namespace

absl::Status MigratePostgres(PostgresConnection& db, absl::string_view schema) {
  const std::string create = absl::StrCat("CREATE SCHEMA IF NOT EXISTS ", schema);
  bool exists = false;
  {
    Query query(db, "SELECT to_regnamespace(?) IS NOT NULL");
    query.BindText(schema);
    exists = query.Next() && query.Int(0) != 0;
    POSTERN_RETURN_IF_ERROR(query.status());
  }
  // Who may use a schema need not be allowed to make one.
  if (!exists) POSTERN_RETURN_IF_ERROR(db.Execute(create.c_str(), "create the schema"));
  POSTERN_ASSIGN_OR_RETURN(const int found, ReadVersion(db));
  if (found > kPostgresSchemaVersion) return errors::SchemaTooNew(found, kPostgresSchemaVersion);
  for (int version = found; version < kPostgresSchemaVersion; ++version) {
    POSTERN_RETURN_IF_ERROR(MigrateFrom(db, version));
  }
  return absl::OkStatus();
}

}  // namespace postern::storage
