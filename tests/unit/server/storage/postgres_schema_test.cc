// The schema of every released version is written down; a change needs a new version and a migration.
#include <stdlib.h>

#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/storage/postgres/postgres_store.h"
#include "tests/postgres/postgres_server.h"
#include "tests/unit/server/storage/store_fixture.h"

namespace postern::storage {
namespace {

using ::postern::testing::PostgresServer;

constexpr char kGolden[] = "tests/golden/storage/postgres_schema_v1.txt";

// Columns, then indexes and constraints, each as the catalogue tells it.
constexpr char kTables[] =
    "SELECT format('%s.%s %s%s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), "
    "CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END, "
    "CASE WHEN a.attcollation <> 0 THEN format(' COLLATE %s', (SELECT collname FROM pg_collation WHERE oid = "
    "a.attcollation)) ELSE '' END, "
    "CASE WHEN a.attidentity <> '' THEN ' IDENTITY' ELSE '' END) "
    "FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = 'schema_test'::regnamespace "
    "AND c.relkind = 'r' AND a.attnum > 0 ORDER BY c.relname COLLATE \"C\", a.attnum";
constexpr char kConstraints[] =
    "SELECT format('%s: %s', conrelid::regclass, pg_get_constraintdef(oid)) FROM pg_constraint "
    "WHERE connamespace = 'schema_test'::regnamespace ORDER BY 1";
constexpr char kIndexes[] = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'schema_test' ORDER BY 1";

PostgresStoreOptions Options() {
  PostgresStoreOptions options;
  options.conninfo = PostgresServer::OfProcess().Conninfo();
  options.schema = "schema_test";
  return options;
}

class PostgresSchemaTest : public ::testing::Test {
 protected:
  void SetUp() override {
    PostgresServer::OfProcess().Run("DROP SCHEMA IF EXISTS schema_test CASCADE");
    ASSERT_TRUE(OpenPostgresStore(Options()).ok());
  }
};

TEST_F(PostgresSchemaTest, IsTheOneThatIsWrittenDown) {
  std::string schema;
  for (const char* query : {kTables, kConstraints, kIndexes}) {
    absl::StrAppend(&schema, absl::StrJoin(PostgresServer::OfProcess().Run(query), "\n"), "\n");
  }
  absl::StrAppend(&schema, "version ",
                  PostgresServer::OfProcess().Run("SELECT version FROM schema_test.schema_version")[0], "\n");
  if (getenv("POSTERN_REGENERATE_GOLDENS") != nullptr) std::ofstream(kGolden) << schema;
  std::ifstream file(kGolden);
  const std::string written{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  EXPECT_EQ(schema, written) << "run with POSTERN_REGENERATE_GOLDENS=1 to write " << kGolden
                             << " anew, before a release only";
}

TEST_F(PostgresSchemaTest, LaterVersionIsRefused) {
  PostgresServer::OfProcess().Run("UPDATE schema_test.schema_version SET version = 999");
  EXPECT_EQ(OpenPostgresStore(Options()).status().code(), absl::StatusCode::kFailedPrecondition);
}

// A migration is one transaction: what is left of one that was cut is nothing.
TEST_F(PostgresSchemaTest, AMigrationThatFailsLeavesNothing) {
  PostgresServer& server = PostgresServer::OfProcess();
  server.Run("DROP SCHEMA schema_test CASCADE");
  server.Run("CREATE SCHEMA schema_test; CREATE TABLE schema_test.supervision_seen(other bigint)");
  EXPECT_FALSE(OpenPostgresStore(Options()).ok());
  EXPECT_EQ(server.Run("SELECT count(*) FROM pg_tables WHERE schemaname = 'schema_test'")[0], "1");
  server.Run("DROP TABLE schema_test.supervision_seen");
  EXPECT_TRUE(OpenPostgresStore(Options()).ok());
}

}  // namespace
}  // namespace postern::storage
