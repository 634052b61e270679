// Moving a ledger from SQLite into PostgreSQL.
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "server/storage/move/ledger_move.h"
#include "server/storage/move/table_plan.h"
#include "server/storage/postgres/postgres_store.h"
#include "server/storage/sqlite/connection.h"
#include "server/storage/sqlite/page_checksums.h"
#include "server/storage/sqlite/sqlite_store.h"
#include "tests/postgres/postgres_server.h"
#include "tests/unit/server/storage/store_fixture.h"

namespace postern::storage {
namespace {

using ::postern::testing::PostgresServer;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAreArray;

#define ASSERT_STATUS_OK(expression)                   \
  do {                                                 \
    const ::absl::Status status_of_it_ = (expression); \
    ASSERT_TRUE(status_of_it_.ok()) << status_of_it_;  \
  } while (false)

constexpr char kSchema[] = "moved";

void Quiet(absl::string_view, int64_t, int64_t) {}

class MoveTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server().Run("DROP SCHEMA IF EXISTS moved CASCADE");
    sqlite_.directory = folder_.Path("data");
    sqlite_.clock = [] { return At(0); };
    postgres_.conninfo = server().Conninfo();
    postgres_.schema = kSchema;
    postgres_.clock = [] { return At(0); };
    postgres_.lock_wait = absl::Milliseconds(300);
    options_ = {sqlite_.directory, postgres_.conninfo, kSchema};
    source_ = Value(OpenSqliteStore(sqlite_));
  }
  static PostgresServer& server() { return PostgresServer::OfProcess(); }
  static int64_t Count(const std::string& what) {
    return std::stoll(server().Run(absl::StrCat("SELECT count(*) FROM moved.", what))[0]);
  }

  NewDisclosure Entry(Store& store, PartnerId partner = 1) {
    NewDisclosure entry = maker_.Make(partner);
    entry.grant = Value(store.InternGrant({partner, "delivery", "shop.v1.Shipment", "r", "p", "l", "d"}));
    return entry;
  }
  static std::vector<CommitResult> Commit(Store& store, const std::vector<NewDisclosure>& group) {
    std::vector<CommitResult> results;
    EXPECT_STATUS_OK(store.CommitGroup(group, {}, &results));
    return results;
  }
  void CommitMany(int count) {
    for (int i = 0; i < count; i += 50) {
      std::vector<NewDisclosure> group;
      for (int j = i; j < std::min(count, i + 50); ++j) group.push_back(Entry(*source_, 1 + j % 2));
      Commit(*source_, group);
    }
  }
  // Everything that a ledger can hold of records: versions, one given back, settled and ended ones, a dead letter, an
  // exchange, a backlog's end.
  void Fill();
  absl::Status Move(absl::Span<const TreeHead> published = {}) {
    absl::StatusOr<std::unique_ptr<LedgerMove>> move = LedgerMove::Begin(options_);
    absl::Status status = move.status();
    if (status.ok()) status = (*move)->Copy(Quiet);
    if (status.ok()) status = (*move)->Verify(published, Quiet);
    if (status.ok()) status = (*move)->Release();
    return status;
  }

  NewDisclosure versioned_;
  NewDisclosure given_back_;
  int64_t dead_letter_ = 0;

  TemporaryFolder folder_;
  SqliteStoreOptions sqlite_;
  PostgresStoreOptions postgres_;
  LedgerMoveOptions options_;
  EntryMaker maker_;
  std::unique_ptr<Store> source_;
};

SettleBatch Ended(int64_t seq, v1::DisclosureState state) {
  SettleBatch batch;
  batch.span.partner = 1;
  batch.time = At(100);
  batch.settlements = {{seq, state, "ERROR_REASON_EXPIRED"}};
  return batch;
}

void MoveTest::Fill() {
  for (const char* name : {"partners/one", "partners/two"}) {
    ChangeSet change;
    PartnerRow row;
    row.partner.set_name(name);
    change.partners.push_back({row, ""});
    change.raise_fences.push_back({FenceScope::Kind::kPartner, name});
    change.audit_leaves.push_back(absl::StrCat("made ", name));
    EXPECT_STATUS_OK(source_->Apply(change).status());
  }
  CommitMany(700);
  given_back_ = Entry(*source_);
  given_back_.has_record_version = true;
  given_back_.record_version = 7;
  given_back_.subjects = {Mac(1), Mac(1), Mac(2)};
  const int64_t withdrawn = Commit(*source_, {given_back_})[0].seq;
  versioned_ = Entry(*source_);
  versioned_.has_record_version = true;
  versioned_.record_version = ~uint64_t{0} - 5;  // versions are unsigned
  NewDisclosure older = Entry(*source_);
  older.record_key = versioned_.record_key;
  older.has_record_version = true;
  older.record_version = 3;
  Commit(*source_, {older, versioned_});
  NewDisclosure exchange = Entry(*source_, 2);
  exchange.exchange = true;
  exchange.sealed_payload.clear();
  Commit(*source_, {exchange});
  const DispatchMark mark{LaneSpan{1}, 11};
  EXPECT_STATUS_OK(source_->ReserveDispatch({mark}));
  SettleBatch acknowledged;
  acknowledged.span.partner = 1;
  acknowledged.time = At(90);
  acknowledged.acknowledged = {1, 3, 9};
  acknowledged.watermark = 3;
  dead_letter_ = 7;
  for (const SettleBatch& batch :
       {acknowledged, Ended(dead_letter_, v1::DISCLOSURE_STATE_DEAD_LETTERED),
        Ended(11, v1::DISCLOSURE_STATE_DEAD_LETTERED), Ended(withdrawn, v1::DISCLOSURE_STATE_WITHDRAWN)}) {
    EXPECT_STATUS_OK(source_->Settle(absl::MakeConstSpan(&batch, 1)));
  }
  const DisclosureRow replayed = Value(source_->ListDisclosures(1, 12, 1)).at(0);
  EXPECT_STATUS_OK(source_->ReplayDeadLetter(replayed.id, "replayed").status());
  ChangeSet end;
  end.end_backlog = {2, "ERROR_REASON_TERMINATED", At(300)};
  end.audit_leaves = {"ended"};
  EXPECT_STATUS_OK(source_->Apply(end).status());
}

// What a store says of everything a test of the move cares for.
std::string Told(Store& store) {
  std::string all = absl::StrCat(store.instance().ToString(), " ", Value(store.ReadFenceVersion()), " ",
                                 Value(store.ReadLastSeq()), " ", Value(store.ReadTreeHead()).size, "\n");
  for (const PartnerRow& partner : Value(store.ListPartners())) {
    absl::StrAppend(&all, partner.id, partner.partner.ShortDebugString(), "\n");
    for (const DisclosureRow& row : Value(store.ListDisclosures(partner.id, 0, 10'000))) {
      absl::StrAppend(&all, row.seq, " ", row.id.ToString(), " ", row.state, row.reason, " ", row.record_version, " ",
                      row.may_be_held, "\n");
    }
    for (const PendingPayload& payload : Value(store.ReadBacklog(partner.id, 0, 10'000, 1 << 30))) {
      absl::StrAppend(&all, payload.seq, payload.sealed_payload, "\n");
    }
    for (const DeadLetterRow& row : Value(store.ListDeadLetters(partner.id, 0, 100))) {
      absl::StrAppend(&all, row.disclosure.seq, row.reason, "\n");
    }
  }
  for (const OutcomeRow& row : Value(store.ReadOutcomes(0, 10'000))) {
    absl::StrAppend(&all, row.position, " ", row.disclosure.seq, " ", row.state, row.reason, "\n");
  }
  for (const Mac16& name : {Mac(1), Mac(2), Mac(2'000'005), Mac(5'000'005), Mac(3)}) {
    for (const DisclosureRow& row : Value(store.ListBySubject(name, 0, 100))) absl::StrAppend(&all, row.seq, ",");
    all += "\n";
  }
  return all;
}

TEST_F(MoveTest, TheCopySaysWhatTheLedgerSaidAndGoesOn) {
  Fill();
  EXPECT_STATUS_OK(source_->WriteCheckpoint("checkpoint"));
  const std::string before = Told(*source_);
  const TreeHead head = Value(source_->ReadTreeHead());
  source_.reset();
  ASSERT_STATUS_OK(Move({&head, 1}));
  const std::unique_ptr<Store> moved = Value(OpenPostgresStore(postgres_));
  EXPECT_EQ(Told(*moved), before);
  EXPECT_EQ(Value(moved->ReadCheckpoint()), "checkpoint");
  EXPECT_STATUS_OK(moved->Check());
  // One that was sent before is answered with what it came to.
  EXPECT_TRUE(Commit(*moved, {versioned_})[0].replayed);
  // What versions were used is known, and which may come again.
  NewDisclosure stale = Entry(*moved);
  stale.record_key = versioned_.record_key;
  stale.has_record_version = true;
  stale.record_version = versioned_.record_version;
  NewDisclosure again = Entry(*moved);
  again.record_key = given_back_.record_key;
  again.has_record_version = true;
  again.record_version = given_back_.record_version;
  const std::vector<CommitResult> results = Commit(*moved, {stale, again});
  EXPECT_REASON(results[0].status, RECORD_VERSION_STALE);
  EXPECT_STATUS_OK(results[1].status);
  EXPECT_EQ(results[1].leaf_index, head.size) << "the same tree goes on";
  // Ids go on behind those that were given out.
  ChangeSet change;
  PartnerRow row;
  row.partner.set_name("partners/three");
  change.partners.push_back({row, ""});
  EXPECT_EQ(Value(moved->Apply(change)).partner_ids, std::vector<PartnerId>{3});
  EXPECT_STATUS_OK(moved->Check());
}

TEST_F(MoveTest, EveryTableIsMovedOrMadeFromWhatIs) {
  ASSERT_STATUS_OK(Move());
  const std::unique_ptr<Store> moved = Value(OpenPostgresStore(postgres_));
  const PageChecksums pages("");
  const auto db = Value(
      SqliteConnection::Open(sqlite_.directory + "/ledger.db", SqliteConnection::Mode::kReadOnly, pages.name(), 1024));
  std::vector<std::string> planned = {"disclosure_subject", "record_version", "schema_version"};
  for (const TablePlan& plan : Value(PlanTables(*db))) planned.push_back(plan.name);
  EXPECT_THAT(server().Run("SELECT tablename::text FROM pg_tables WHERE schemaname = 'moved'"),
              UnorderedElementsAreArray(planned));
}

TEST_F(MoveTest, WhileAGatewayWritesAStateIsCopiedAndTheRestComesLater) {
  Fill();
  const std::unique_ptr<LedgerMove> move = Value(LedgerMove::Begin(options_));
  CommitMany(60);  // after the state that is copied
  ASSERT_STATUS_OK(move->Copy(Quiet));
  ASSERT_STATUS_OK(move->Verify({}, Quiet));
  EXPECT_EQ(static_cast<uint64_t>(Count("audit_leaf")), move->head().size);
}

TEST_F(MoveTest, AnInterruptedMoveIsNotServedAndGoesOn) {
  Fill();
  int batches = 0;
  {
    const std::unique_ptr<LedgerMove> move = Value(LedgerMove::Begin(options_));
    // As if the process had ended: the server ends the session in the middle.
    const absl::Status cut = move->Copy([&](absl::string_view table, int64_t done, int64_t all) {
      if (table == "disclosure" && done == all && ++batches == 1) {
        server().Run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'posternd-move'");
      }
    });
    EXPECT_REASON(cut, LEDGER_UNAVAILABLE);
  }
  EXPECT_EQ(Count("tree_head"), 1);
  const absl::Status refused = OpenPostgresStore(postgres_).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("is not all there"));
  const int64_t there = Count("disclosure");
  ASSERT_GT(there, 0);
  CommitMany(60);
  const std::string before = Told(*source_);
  source_.reset();
  int64_t first = -1;
  {
    const std::unique_ptr<LedgerMove> move = Value(LedgerMove::Begin(options_));
    ASSERT_STATUS_OK(move->Copy([&](absl::string_view table, int64_t done, int64_t) {
      if (table == "disclosure" && first < 0) first = done;
    }));
    EXPECT_EQ(first, there) << "what was there is not copied again";
    ASSERT_STATUS_OK(move->Verify({}, Quiet));
    ASSERT_STATUS_OK(move->Release());
  }
  const std::unique_ptr<Store> moved = Value(OpenPostgresStore(postgres_));
  EXPECT_EQ(Told(*moved), before);
  EXPECT_STATUS_OK(moved->Check());
}

TEST_F(MoveTest, AnotherLedgerIsNeverWrittenOver) {
  Fill();
  { ASSERT_TRUE(Value(OpenPostgresStore(postgres_))->AppendAudit({std::string("an entry")}).ok()); }
  const absl::Status refused = Move();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("holds a ledger already"));
  EXPECT_EQ(Count("audit_leaf"), 1);
  EXPECT_EQ(Count("disclosure"), 0);
}

TEST_F(MoveTest, ASchemaInWhichAnotherLedgersMoveWasBegunIsRefused) {
  { ASSERT_TRUE(LedgerMove::Begin(options_).ok()); }
  SqliteStoreOptions other = sqlite_;
  other.directory = folder_.Path("other");
  ASSERT_TRUE(OpenSqliteStore(other).ok());
  options_.directory = other.directory;
  EXPECT_EQ(Move().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(MoveTest, ASchemaThatIsServedIsRefused) {
  const std::unique_ptr<Store> served = Value(OpenPostgresStore(postgres_));
  const absl::Status refused = Move();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("in use by another gateway"));
}

// Each is done to the copy behind the move's back, and must be found; the next try begins from nothing.
TEST_F(MoveTest, ACopyThatIsNotTheLedgerIsFoundAndMadeAnew) {
  Fill();
  const char* const kTamperings[] = {
      "UPDATE moved.audit_leaf SET leaf = '\\x00' WHERE leaf_index = 3",
      "DELETE FROM moved.audit_leaf WHERE leaf_index = 5",
      "UPDATE moved.disclosure SET lane = lane + 1 WHERE seq = 4",
      "DELETE FROM moved.pending WHERE queue_key = (SELECT max(queue_key) FROM moved.pending)",
      "UPDATE moved.settlement SET reason = 'x' WHERE seq = 7",
      "DELETE FROM moved.disclosure_subject WHERE seq = 20",
      "UPDATE moved.disclosure_subject SET subject = substring(subject FROM 2) || '\\x00'::bytea WHERE seq = 20",
      "UPDATE moved.meta SET value = '\\x00' WHERE key = 'instance'",
      "UPDATE moved.outcome SET result_type = '' WHERE last = (SELECT min(last) FROM moved.outcome)",
  };
  for (const char* tampering : kTamperings) {
    SCOPED_TRACE(tampering);
    {
      const std::unique_ptr<LedgerMove> move = Value(LedgerMove::Begin(options_));
      ASSERT_STATUS_OK(move->Copy(Quiet));
      server().Run(tampering);
      EXPECT_EQ(move->Verify({}, Quiet).code(), absl::StatusCode::kDataLoss);
    }
    EXPECT_EQ(Count("disclosure"), 0);
  }
  source_.reset();
  ASSERT_STATUS_OK(Move());
  EXPECT_STATUS_OK(Value(OpenPostgresStore(postgres_))->Check());
}

TEST_F(MoveTest, ALedgerThatIsNotWhatWasPublishedIsRefused) {
  Fill();
  TreeHead head = Value(source_->ReadTreeHead());
  ++head.size;
  EXPECT_EQ(Move({&head, 1}).code(), absl::StatusCode::kDataLoss) << "more was published than there is";
  head.size -= 2;
  EXPECT_EQ(Move({&head, 1}).code(), absl::StatusCode::kDataLoss) << "something else was published";
}

}  // namespace
}  // namespace postern::storage
