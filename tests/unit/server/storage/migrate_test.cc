// Bringing tables forward while no gateway runs, from every version that was released.
#include "server/storage/migrate.h"

#include <sqlite3.h>

#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "server/storage/postgres/postgres_store.h"
#include "server/storage/sqlite/page_checksums.h"
#include "server/storage/sqlite/schema.h"
#include "server/storage/sqlite/sqlite_store.h"
#include "tests/postgres/postgres_server.h"
#include "tests/unit/server/storage/store_fixture.h"

namespace postern::storage {
namespace {

using ::postern::testing::PostgresServer;

class MigrateTest : public ::testing::TestWithParam<int> {
 protected:
  // A ledger with the tables that were released as that version, and what every store has from its first moment.
  void MakeLedger(int version) {
    std::ifstream file(absl::StrCat("tests/golden/storage/schema_v", version, ".sql"));
    const std::string tables{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    ASSERT_FALSE(tables.empty());
    ASSERT_TRUE(OpenSqliteStore({.directory = directory_}).ok());
    const std::string instance = "x'000102030405060708090a0b0c0d0e0f'";
    ClearTables();
    Run(tables);
    Run("PRAGMA user_version = " + std::to_string(version));
    Run("INSERT INTO meta(key, value) VALUES('instance', " + instance + ")");
    Run("INSERT INTO record_version_through(one, seq) VALUES(1, 0)");
    Run("INSERT INTO tree_head(one, size, root, frontier) VALUES(1, 0, "
        "x'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', x'0000000000000000')");
    Run("INSERT INTO order_event(order_mac, event, time) VALUES(zeroblob(16), 3, 7000000)");
  }

  void Run(const std::string& sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open_v2((directory_ + "/ledger.db").c_str(), &db, SQLITE_OPEN_READWRITE, pages_.name().c_str()),
              SQLITE_OK);
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &error), SQLITE_OK) << error << ": " << sql;
    sqlite3_free(error);
    sqlite3_close(db);
  }
  std::vector<std::string> Read(const std::string& sql) {
    std::vector<std::string> rows;
    sqlite3* db = nullptr;
    EXPECT_EQ(sqlite3_open_v2((directory_ + "/ledger.db").c_str(), &db, SQLITE_OPEN_READWRITE, pages_.name().c_str()),
              SQLITE_OK);
    const auto add = [](void* out, int, char** values, char**) {
      static_cast<std::vector<std::string>*>(out)->push_back(values[0]);
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), add, &rows, nullptr), SQLITE_OK);
    sqlite3_close(db);
    return rows;
  }
  void ClearTables() {
    for (const std::string& table :
         Read("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")) {
      Run("DROP TABLE " + table);
    }
  }
  // What the tables are, in the form of the goldens.
  std::string Tables() {
    std::string all;
    for (const std::string& sql : Read("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE "
                                       "'sqlite_%' ORDER BY type DESC, name")) {
      absl::StrAppend(&all, sql, ";\n");
    }
    return absl::StrCat(all, "-- user_version ", Read("PRAGMA user_version").at(0), ";\n");
  }
  static std::string Golden(int version) {
    std::ifstream file(absl::StrCat("tests/golden/storage/schema_v", version, ".sql"));
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

  TemporaryFolder folder_;
  const std::string directory_ = folder_.Path("data");
  const PageChecksums pages_{""};
};

TEST_P(MigrateTest, EveryReleasedVersionIsBroughtForward) {
  MakeLedger(GetParam());
  ASSERT_EQ(Tables(), Golden(GetParam())) << "the test does not start from what was released";
  const SchemaVersions tried = Value(MigrateSqliteStore(directory_, /*dry_run=*/true));
  EXPECT_EQ(tried.before, GetParam());
  EXPECT_EQ(tried.after, kSchemaVersion);
  EXPECT_EQ(Tables(), Golden(GetParam())) << "a dry run changes nothing";
  const SchemaVersions done = Value(MigrateSqliteStore(directory_, /*dry_run=*/false));
  EXPECT_EQ(done.before, GetParam());
  EXPECT_EQ(done.after, kSchemaVersion);
  EXPECT_EQ(Tables(), Golden(kSchemaVersion));
  EXPECT_EQ(Value(MigrateSqliteStore(directory_, /*dry_run=*/false)).before, kSchemaVersion);
  const std::unique_ptr<Store> store = Value(OpenSqliteStore({.directory = directory_}));
  EXPECT_STATUS_OK(store->Check());
  EXPECT_EQ(Value(store->ListOrderEvents(Mac16{})).size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(Versions, MigrateTest, ::testing::Range(1, kSchemaVersion + 1));

TEST(MigrateStoreTest, ALedgerThatIsNotThereOrInUseOrLaterIsRefused) {
  const TemporaryFolder folder;
  const std::string directory = folder.Path("data");
  EXPECT_REASON(MigrateSqliteStore(directory, true).status(), NOT_FOUND);
  EXPECT_REASON(MigrateSqliteStore(directory, false).status(), NOT_FOUND);
  const std::unique_ptr<Store> store = Value(OpenSqliteStore({.directory = directory}));
  EXPECT_EQ(MigrateSqliteStore(directory, true).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(MigrateSqliteStore(directory, false).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(MigrateStoreTest, PostgresTellsItsVersion) {
  PostgresServer& server = PostgresServer::OfProcess();
  server.Run("DROP SCHEMA IF EXISTS migrated CASCADE");
  EXPECT_REASON(MigratePostgresStore(server.Conninfo(), "migrated", true).status(), NOT_FOUND);
  PostgresStoreOptions options;
  options.conninfo = server.Conninfo();
  options.schema = "migrated";
  {
    const std::unique_ptr<Store> store = Value(OpenPostgresStore(options));
    EXPECT_EQ(MigratePostgresStore(server.Conninfo(), "migrated", true).status().code(),
              absl::StatusCode::kFailedPrecondition);
  }
  for (const bool dry_run : {true, false}) {
    const SchemaVersions versions = Value(MigratePostgresStore(server.Conninfo(), "migrated", dry_run));
    EXPECT_EQ(versions.before, 1);
    EXPECT_EQ(versions.after, 1);
  }
  server.Run("UPDATE migrated.schema_version SET version = 999");
  EXPECT_EQ(MigratePostgresStore(server.Conninfo(), "migrated", false).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace postern::storage
