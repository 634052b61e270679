// What is PostgreSQL's alone; what every store does is in the other files.
#include "server/storage/postgres/postgres_store.h"

#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "tests/postgres/postgres_server.h"
#include "tests/unit/server/storage/store_fixture.h"

namespace postern::storage {
namespace {

using ::postern::testing::PostgresServer;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class PostgresStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server().Run("DROP SCHEMA IF EXISTS own CASCADE");
    options_.conninfo = server().Conninfo();
    options_.schema = "own";
    options_.clock = [this] { return now_; };
    options_.lock_wait = absl::Milliseconds(300);
  }

  static PostgresServer& server() { return PostgresServer::OfProcess(); }

  NewDisclosure Entry(Store& store) {
    NewDisclosure entry = maker_.Make(1);
    entry.grant = Value(store.InternGrant({1, "delivery", "shop.v1.Shipment", "r", "p", "l", "d"}));
    return entry;
  }
  void Commit(Store& store, const std::vector<NewDisclosure>& group) {
    std::vector<CommitResult> results;
    EXPECT_STATUS_OK(store.CommitGroup(group, {}, &results));
  }
  static bool Within(absl::Duration limit, const std::function<bool()>& done) {
    for (const absl::Time end = absl::Now() + limit; absl::Now() < end; absl::SleepFor(absl::Milliseconds(20))) {
      if (done()) return true;
    }
    return false;
  }

  absl::Time now_ = At(0);
  PostgresStoreOptions options_;
  EntryMaker maker_;
};

TEST_F(PostgresStoreTest, OneGatewayOwnsTheSchema) {
  const std::unique_ptr<Store> store = Value(OpenPostgresStore(options_));
  const absl::Status second = OpenPostgresStore(options_).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.message()), HasSubstr("in use by another gateway"));
  PostgresStoreOptions other = options_;
  other.schema = "own_other";
  EXPECT_TRUE(OpenPostgresStore(other).ok());
  server().Run("DROP SCHEMA own_other CASCADE");
}

TEST_F(PostgresStoreTest, APasswordInTheLineIsRefusedAndNotRepeated) {
  for (const char* conninfo :
       {"host=/run dbname=postern password=hunter2", "postgresql://user:hunter2@localhost/postern",
        "host=/run sslpassword=hunter2", "host=/run password='hunter2"}) {
    options_.conninfo = conninfo;
    const absl::Status status = OpenPostgresStore(options_).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << conninfo;
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("hunter2")));
  }
  EXPECT_STATUS_OK(CheckConninfo("host=/run/postgresql dbname=postern passfile=/etc/postern/pgpass"));
}

TEST_F(PostgresStoreTest, ASchemasNameIsAnIdentifier) {
  for (const char* schema : {"", "1st", "Upper", "a-b", "a; DROP SCHEMA own", "\"own\""}) {
    options_.schema = schema;
    EXPECT_EQ(OpenPostgresStore(options_).status().code(), absl::StatusCode::kInvalidArgument) << schema;
  }
}

TEST_F(PostgresStoreTest, AServerThatIsAwayIsUnavailable) {
  options_.conninfo = "host=/nonexistent dbname=postgres";
  EXPECT_REASON(OpenPostgresStore(options_).status(), LEDGER_UNAVAILABLE);
}

TEST_F(PostgresStoreTest, ADatabaseThatDoesNotKeepItsWordIsRefused) {
  server().Run("DROP DATABASE IF EXISTS lax");
  server().Run("CREATE DATABASE lax");
  options_.conninfo = server().Conninfo("lax");
  EXPECT_TRUE(OpenPostgresStore(options_).ok());
  server().Run("ALTER DATABASE lax SET synchronous_commit = off");
  const absl::Status lax = OpenPostgresStore(options_).status();
  EXPECT_EQ(lax.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(lax.message()), HasSubstr("synchronous_commit is off, must be on"));
  server().Run("ALTER DATABASE lax SET synchronous_commit = remote_apply");
  EXPECT_TRUE(OpenPostgresStore(options_).ok());
  server().Run("DROP DATABASE IF EXISTS latin");
  server().Run("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
  options_.conninfo = server().Conninfo("latin");
  EXPECT_THAT(std::string(OpenPostgresStore(options_).status().message()), HasSubstr("server_encoding is LATIN1"));
}

TEST_F(PostgresStoreTest, RequestIdsAreForgottenAfterADay) {
  NewDisclosure entry;
  {
    const std::unique_ptr<Store> store = Value(OpenPostgresStore(options_));
    entry = Entry(*store);
    Commit(*store, {entry});
    EXPECT_TRUE(Value(store->FindRequest({entry.principal, entry.request_id, entry.target})).has_value());
  }
  now_ = At(0) + absl::Hours(26);
  const std::unique_ptr<Store> store = Value(OpenPostgresStore(options_));
  EXPECT_TRUE(Within(absl::Seconds(20), [&] {
    return !Value(store->FindRequest({entry.principal, entry.request_id, entry.target})).has_value();
  }));
}

TEST_F(PostgresStoreTest, EndedBacklogLeavesTheTable) {
  const std::unique_ptr<Store> store = Value(OpenPostgresStore(options_));
  std::vector<NewDisclosure> group;
  for (int i = 0; i < 1200; ++i) group.push_back(Entry(*store));
  Commit(*store, group);
  ChangeSet change;
  change.end_backlog = ChangeSet::EndBacklog{1, "terminated", At(300)};
  ASSERT_TRUE(store->Apply(change).ok());
  EXPECT_TRUE(Within(absl::Seconds(20), [] { return server().Run("SELECT count(*) FROM own.pending")[0] == "0"; }));
  // A vacuumed page has no dead rows.
  EXPECT_TRUE(Within(absl::Seconds(20), [] {
    return server().Run("SELECT pg_relation_size('own.pending')")[0] == "0";
  })) << "what is deleted leaves the file";
  EXPECT_STATUS_OK(store->Check());
}

TEST_F(PostgresStoreTest, ReadersSeeTheLedgerWhileItIsWritten) {
  const std::unique_ptr<Store> store = Value(OpenPostgresStore(options_));
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 6; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const Store::BacklogCounts counts = Value(store->CountBacklog(1));
        EXPECT_EQ(counts.total, counts.undelivered) << "one consistent state";
        EXPECT_EQ(counts.total % 5, 0) << "whole groups";
      }
    });
  }
  for (int round = 0; round < 40; ++round) {
    std::vector<NewDisclosure> group;
    for (int i = 0; i < 5; ++i) group.push_back(Entry(*store));
    Commit(*store, group);
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(Value(store->CountBacklog(1)).total, 200);
}

TEST_F(PostgresStoreTest, ManyRowsAreReadAFewAtATime) {
  const std::unique_ptr<Store> store = Value(OpenPostgresStore(options_));
  std::vector<NewDisclosure> group;
  for (int i = 0; i < 300; ++i) group.push_back(Entry(*store));
  Commit(*store, group);
  for (const int limit : {1, 63, 64, 65, 128, 129, 300, 1000}) {
    const std::vector<PendingPayload> backlog = Value(store->ReadBacklog(1, 0, limit, 1 << 30));
    ASSERT_EQ(static_cast<int>(backlog.size()), std::min(limit, 300));
    for (size_t i = 0; i < backlog.size(); ++i) EXPECT_EQ(backlog[i].seq, static_cast<int64_t>(i) + 1);
  }
}

// Each is a row that somebody with the database's password changed; all are found.
TEST_F(PostgresStoreTest, ChangedRowsAreFound) {
  const char* const kChanges[] = {
      "UPDATE own.audit_leaf SET leaf = 'other' WHERE leaf_index = 1",
      "DELETE FROM own.audit_leaf WHERE leaf_index = 2",
      "UPDATE own.tree_node SET hash = decode(repeat('00', 32), 'hex')",
      "UPDATE own.tree_head SET size = size - 1",
      "DELETE FROM own.disclosure WHERE seq = 2",
      "UPDATE own.disclosure SET leaf_index = 300 - leaf_index WHERE seq < 3",
      "DELETE FROM own.disclosure_subject",
      "DELETE FROM own.grant_ref",
      "UPDATE own.queue SET total = 1",
      "UPDATE own.request SET seq = 3",
      "INSERT INTO own.settlement(seq, state, reason, time, handed) VALUES(999, 1, '', 1, 0)",
      "INSERT INTO own.settlement(seq, state, reason, time, handed) VALUES(1, 1, '', 1, 0)",
  };
  for (const char* change : kChanges) {
    server().Run("DROP SCHEMA IF EXISTS own CASCADE");
    {
      const std::unique_ptr<Store> store = Value(OpenPostgresStore(options_));
      std::vector<NewDisclosure> group;
      for (int i = 0; i < 300; ++i) group.push_back(Entry(*store));
      Commit(*store, group);
      ASSERT_TRUE(store->Check().ok());
    }
    server().Run(change);
    const absl::StatusOr<std::unique_ptr<Store>> store = OpenPostgresStore(options_);
    const absl::Status found = store.ok() ? (*store)->Check() : store.status();
    EXPECT_EQ(found.code(), absl::StatusCode::kDataLoss) << change;
  }
}

// Errors name statements and states, never what rows or the server's messages hold.
TEST_F(PostgresStoreTest, ErrorsSayNothingOfRows) {
  const std::unique_ptr<Store> store = Value(OpenPostgresStore(options_));
  ChangeSet change;
  SubjectRecordRow row;
  row.subject = Mac(1);
  row.key = std::string("secret\0key", 10);  // PostgreSQL's text has no NUL
  row.resource = "resource";
  change.subject_records = {row};
  const absl::Status status = store->Apply(change).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("secret")));
  EXPECT_THAT(Value(store->ListSubjectRecords(0, 10)), IsEmpty());
  change.subject_records[0].key = "key";
  EXPECT_TRUE(store->Apply(change).ok()) << "the store goes on";
}

}  // namespace
}  // namespace postern::storage
