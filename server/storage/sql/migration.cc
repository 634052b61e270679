#include "server/storage/sql/migration.h"

#include <array>
#include <string>

#include "proto/errors/error.h"
#include "server/crypto/merkle.h"
#include "server/crypto/random.h"
#include "server/storage/errors.h"
#include "server/storage/sql/packing.h"

namespace postern::storage {
namespace {

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

absl::Status Step(Connection& db, const SchemaSteps& schema, int version) {
  POSTERN_RETURN_IF_ERROR(db.Execute(schema.steps[static_cast<size_t>(version)], "migrate the schema"));
  if (version == 0) POSTERN_RETURN_IF_ERROR(FillEmptyStore(db));
  return schema.write_version(db, version + 1);
}

// Runs `body` in a transaction, which is undone unless `keep`.
absl::Status InTransaction(Connection& db, const SchemaSteps& schema, bool keep,
                           absl::FunctionRef<absl::Status()> body) {
  POSTERN_RETURN_IF_ERROR(db.Execute(schema.begin, "begin a migration"));
  absl::Status status = body();
  if (status.ok() && keep) status = db.Execute("COMMIT", "commit a migration");
  if (status.ok() && !keep) return db.Execute("ROLLBACK", "roll back a migration");
  // The failure is what matters; a rollback that fails too leaves nothing behind that a reopened connection would not
  // roll back.
  if (!status.ok()) db.Execute("ROLLBACK", "roll back a migration").IgnoreError();
  return status;
}

}  // namespace

absl::StatusOr<SchemaVersions> MigrateBy(Connection& db, const SchemaSteps& schema, bool dry_run) {
  SchemaVersions versions;
  POSTERN_ASSIGN_OR_RETURN(versions.before, schema.read_version(db));
  versions.after = static_cast<int>(schema.steps.size());
  if (versions.before > versions.after) return errors::SchemaTooNew(versions.before, versions.after);
  const auto from_to = [&](int from, int to) -> absl::Status {
    for (int version = from; version < to; ++version) POSTERN_RETURN_IF_ERROR(Step(db, schema, version));
    return absl::OkStatus();
  };
  if (dry_run) {
    POSTERN_RETURN_IF_ERROR(
        InTransaction(db, schema, /*keep=*/false, [&] { return from_to(versions.before, versions.after); }));
    return versions;
  }
  for (int version = versions.before; version < versions.after; ++version) {
    POSTERN_RETURN_IF_ERROR(InTransaction(db, schema, /*keep=*/true, [&] { return from_to(version, version + 1); }));
  }
  return versions;
}

}  // namespace postern::storage
