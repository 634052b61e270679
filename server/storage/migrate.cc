#include "server/storage/migrate.h"

#include <unistd.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/storage/errors.h"
#include "server/storage/postgres/connection.h"
#include "server/storage/postgres/postgres_store.h"
#include "server/storage/postgres/schema.h"
#include "server/storage/postgres/schema_lock.h"
#include "server/storage/sqlite/connection.h"
#include "server/storage/sqlite/data_directory.h"
#include "server/storage/sqlite/page_checksums.h"
#include "server/storage/sqlite/schema.h"
#include "server/storage/sqlite/sqlite_store.h"

namespace postern::storage {
namespace {

constexpr int kCacheKib = 4 * 1024;
// For a session that has just ended.
constexpr absl::Duration kLockWait = absl::Seconds(2);
// A migration may rewrite whole tables.
constexpr absl::Duration kMigrationTimeout = absl::Hours(24);

absl::StatusOr<SchemaVersions> TrySqlite(const std::string& ledger) {
  const PageChecksums pages("");
  POSTERN_ASSIGN_OR_RETURN(const std::unique_ptr<SqliteConnection> db,
                           SqliteConnection::Open(ledger, SqliteConnection::Mode::kReadWrite, pages.name(), kCacheKib));
  return Migrate(*db, /*dry_run=*/true);
}

}  // namespace

absl::StatusOr<SchemaVersions> MigrateSqliteStore(const std::string& directory, bool dry_run) {
  const std::string ledger = absl::StrCat(directory, "/ledger.db");
  if (access(ledger.c_str(), F_OK) != 0) return errors::NotFound("ledger");
  SchemaVersions versions;
  {
    POSTERN_ASSIGN_OR_RETURN(const DataDirectory locked, DataDirectory::Open(directory, /*create_if_missing=*/false));
    POSTERN_ASSIGN_OR_RETURN(versions, TrySqlite(ledger));
  }
  if (dry_run) return versions;
  SqliteStoreOptions store;
  store.directory = directory;
  store.create_if_missing = false;
  POSTERN_RETURN_IF_ERROR(OpenSqliteStore(store).status());
  return versions;
}

absl::StatusOr<SchemaVersions> MigratePostgresStore(const std::string& conninfo, const std::string& schema,
                                                    bool dry_run) {
  POSTERN_RETURN_IF_ERROR(CheckConninfo(conninfo));
  POSTERN_RETURN_IF_ERROR(CheckSchemaName(schema));
  SessionOptions session;
  session.conninfo = conninfo;
  session.schema = schema;
  session.application_name = "posternd-migrate";
  session.statement_timeout = kMigrationTimeout;
  POSTERN_ASSIGN_OR_RETURN(const std::unique_ptr<PostgresConnection> db, PostgresConnection::Open(session));
  POSTERN_ASSIGN_OR_RETURN(const bool locked, TakeSchemaLock(*db, schema, kLockWait));
  if (!locked) return errors::SchemaInUse(schema);
  POSTERN_ASSIGN_OR_RETURN(const int found, ReadPostgresSchemaVersion(*db));
  if (found == 0) return errors::NotFound("ledger");
  return MigratePostgres(*db, schema, dry_run);
}

}  // namespace postern::storage
