#include "server/storage/sqlite/schema.h"

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
#include "server/storage/sqlite/schema_v1.inc"
#include "server/storage/sqlite/schema_v2.inc"
#include "server/storage/sqlite/schema_v3.inc"
#include "server/storage/sqlite/schema_v4.inc"
};
static_assert(sizeof(kMigrations) / sizeof(kMigrations[0]) == kSchemaVersion);

absl::StatusOr<int> ReadVersion(Connection& db) {
  Query query(db, "PRAGMA user_version");
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
  return Query(db, "INSERT INTO tree_head(one, size, root, frontier) VALUES(1, 0, ?, ?)")
      .Bind(View(empty.Root()))
      .Bind(empty.Serialize())
      .Run();
}

absl::Status MigrateFrom(Connection& db, int version) {
  POSTERN_RETURN_IF_ERROR(db.Execute("BEGIN IMMEDIATE", "begin a migration"));
  const std::string set_version = absl::StrCat("PRAGMA user_version = ", version + 1);
  absl::Status status = db.Execute(kMigrations[version], "migrate the schema");
  if (status.ok() && version == 0) status = FillEmptyStore(db);
  if (status.ok()) status = db.Execute(set_version.c_str(), "set the schema version");
  if (status.ok()) status = db.Execute("COMMIT", "commit a migration");
  // The failure is what matters; a rollback that fails too leaves nothing behind that a reopened connection would not
  // roll back.
  if (!status.ok()) db.Execute("ROLLBACK", "roll back a migration").IgnoreError();
  return status;
}

}  // namespace

absl::Status Migrate(Connection& db) {
  POSTERN_ASSIGN_OR_RETURN(const int found, ReadVersion(db));
  if (found > kSchemaVersion) return errors::SchemaTooNew(found, kSchemaVersion);
  for (int version = found; version < kSchemaVersion; ++version) POSTERN_RETURN_IF_ERROR(MigrateFrom(db, version));
  return absl::OkStatus();
}

}  // namespace postern::storage
