// The schema of every released version is written down; a change needs a new version and a migration.
#include <sqlite3.h>
#include <stdlib.h>

#include <fstream>
#include <iterator>

#include "server/storage/sqlite/page_checksums.h"
#include "server/storage/sqlite/schema.h"
#include "server/storage/sqlite/sqlite_store.h"
#include "tests/unit/server/storage/store_fixture.h"

namespace postern::storage {
namespace {

constexpr char kGolden[] = "tests/golden/storage/schema_v4.sql";
constexpr char kFirst[] = "tests/golden/storage/schema_v1.sql";

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

class SchemaTest : public ::testing::Test {
 protected:
  void SetUp() override {
    options_.directory = folder_.Path("data");
    options_.clock = [] { return At(0); };
    ASSERT_TRUE(OpenSqliteStore(options_).ok());
    OpenLedger();
  }
  void TearDown() override { sqlite3_close(db_); }

  // As somebody who knows how pages are made.
  void OpenLedger() {
    ASSERT_EQ(sqlite3_open_v2((options_.directory + "/ledger.db").c_str(), &db_, SQLITE_OPEN_READWRITE,
                              pages_.name().c_str()),
              SQLITE_OK);
  }

  std::string Query(const char* sql) {
    std::string text;
    const auto add_row = [](void* out, int, char** values, char**) {
      *static_cast<std::string*>(out) += std::string(values[0]) + ";\n";
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(db_, sql, add_row, &text, nullptr), SQLITE_OK);
    return text;
  }

  TemporaryFolder folder_;
  SqliteStoreOptions options_;
  PageChecksums pages_{""};
  sqlite3* db_ = nullptr;
};

TEST_F(SchemaTest, IsTheOneThatIsWrittenDown) {
  const std::string schema =
      Query(
          "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY type DESC, name") +
      "-- user_version " + Query("PRAGMA user_version");
  if (getenv("POSTERN_REGENERATE_GOLDENS") != nullptr) std::ofstream(kGolden) << schema;
  EXPECT_EQ(schema, ReadFile(kGolden)) << "run with POSTERN_REGENERATE_GOLDENS=1 to write " << kGolden
                                       << " anew, before a release only";
}

// A ledger that an earlier release left behind is brought forward with what is in it.
TEST_F(SchemaTest, EarlierVersionIsBroughtForward) {
  Query(
      "DROP TABLE subject_record; DROP TABLE subject_request; DROP TABLE retention_order; DROP TABLE investigation; "
      "DROP TABLE statistics_uncounted; DROP TABLE statistics_cell; DROP TABLE statistics_period; "
      "DROP TABLE supervision_finding; DROP TABLE supervision_seen; PRAGMA user_version = 1");
  const std::string old = Query(
      "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY type DESC, name");
  ASSERT_EQ(old + "-- user_version 1;\n", ReadFile(kFirst)) << "the test does not start from what was released";
  Query("INSERT INTO order_event(order_mac, event, time) VALUES(zeroblob(16), 3, 7000000)");
  sqlite3_close(db_);
  db_ = nullptr;
  {
    const std::unique_ptr<Store> store = Value(OpenSqliteStore(options_));
    ASSERT_TRUE(store->Check().ok());
    EXPECT_EQ(Value(store->ListOrderEvents(Mac16{})).size(), 1u);
    EXPECT_TRUE(Value(store->ListSubjectRecords(0, 10)).empty());
    EXPECT_EQ(Value(store->ListDueOrders(At(0), 10)).size(), 1u) << "orders with events are due to be looked at";
  }
  ASSERT_EQ(sqlite3_open((options_.directory + "/ledger.db").c_str(), &db_), SQLITE_OK);
  EXPECT_EQ(Query("PRAGMA user_version"), "4;\n");
}

TEST_F(SchemaTest, LaterVersionIsRefused) {
  Query("PRAGMA user_version = 999");
  sqlite3_close(db_);
  db_ = nullptr;
  EXPECT_EQ(OpenSqliteStore(options_).status().code(), absl::StatusCode::kFailedPrecondition);
}

// Each must be found by Check, or by opening.
TEST_F(SchemaTest, TamperingIsFound) {
  const char* const kTamperings[] = {
      "UPDATE audit_leaf SET leaf = x'00' WHERE leaf_index = 1",
      "DELETE FROM audit_leaf WHERE leaf_index = 0",
      "DELETE FROM audit_leaf WHERE leaf_index = 2",
      "UPDATE audit_leaf SET leaf_index = leaf_index + 10",
      "UPDATE tree_head SET size = size - 1",
      "UPDATE tree_head SET root = zeroblob(32)",
      "DELETE FROM disclosure WHERE seq = 2",
      "UPDATE disclosure SET leaf_index = 9 WHERE seq = 1",
      "UPDATE disclosure SET partner = 2 WHERE seq = 1",
      "UPDATE request SET seq = 1",
      "DELETE FROM tree_head",
  };
  sqlite3_close(db_);
  db_ = nullptr;
  {
    const std::unique_ptr<Store> store = Value(OpenSqliteStore(options_));
    EntryMaker maker;
    std::vector<NewDisclosure> group = {maker.Make(1), maker.Make(1), maker.Make(1)};
    for (NewDisclosure& entry : group)
      entry.grant = Value(store->InternGrant({1, "delivery", "t", "r", "p", "l", "d"}));
    std::vector<CommitResult> results;
    ASSERT_TRUE(store->CommitGroup(group, {}, &results).ok());
    ASSERT_TRUE(store->Check().ok());
  }
  const std::string file = options_.directory + "/ledger.db";
  const std::string untouched = ReadFile(file);
  for (const char* tampering : kTamperings) {
    SCOPED_TRACE(tampering);
    std::ofstream(file, std::ios::binary | std::ios::trunc) << untouched;
    OpenLedger();
    Query(tampering);
    sqlite3_close(db_);
    db_ = nullptr;
    absl::StatusOr<std::unique_ptr<Store>> store = OpenSqliteStore(options_);
    const absl::Status status = store.ok() ? (*store)->Check() : store.status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  }
}

}  // namespace
}  // namespace postern::storage
