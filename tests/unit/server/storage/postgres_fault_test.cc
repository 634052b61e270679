// A server that goes away, a connection that is cut at its commit, transactions that the server undoes: release stops
// with a reason, nothing is lost and nothing doubled, and recovery needs no hand.
#include <functional>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "server/storage/postgres/postgres_store.h"
#include "tests/postgres/cutting_proxy.h"
#include "tests/postgres/postgres_server.h"
#include "tests/unit/server/storage/store_fixture.h"

namespace postern::storage {
namespace {

using ::postern::testing::CuttingProxy;
using ::postern::testing::PostgresServer;
using ::testing::AnyOf;
using ::testing::SizeIs;

class PostgresFaultTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server().Run("DROP SCHEMA IF EXISTS fault CASCADE");
    options_.conninfo = server().Conninfo();
    options_.schema = "fault";
    options_.clock = [] { return At(0); };
  }

  static PostgresServer& server() { return PostgresServer::OfProcess(); }

  void Open() { store_ = Value(OpenPostgresStore(options_)); }
  void OpenThroughProxy() {
    proxy_ = std::make_unique<CuttingProxy>(server().folder(), folder_.Path("proxy"));
    options_.conninfo = proxy_->Conninfo();
    Open();
    // The identity, and the first round of the background, which looks for backlogs and old requests: none of its
    // commits may take a cut that is meant for another. That of a migration is in no pipeline and does not count.
    for (int i = 0; i < 1000 && proxy_->commits() < 3; ++i) absl::SleepFor(absl::Milliseconds(10));
    ASSERT_EQ(proxy_->commits(), 3);
  }

  NewDisclosure Entry() {
    NewDisclosure entry = maker_.Make(1);
    entry.grant = 1;
    return entry;
  }
  void Prepare() {
    EXPECT_EQ(Value(store_->InternGrant({1, "delivery", "shop.v1.Shipment", "r", "p", "l", "d"})), 1);
    EXPECT_STATUS_OK(Commit({Entry(), Entry(), Entry()}));
  }
  absl::Status Commit(const std::vector<NewDisclosure>& group) { return store_->CommitGroup(group, {}, &results_); }
  // Until the store has found the server again.
  absl::Status CommitUntilRecovered(const std::vector<NewDisclosure>& group) {
    absl::Status status;
    for (const absl::Time end = absl::Now() + absl::Seconds(30); absl::Now() < end;
         absl::SleepFor(absl::Milliseconds(10))) {
      status = Commit(group);
      if (status.ok()) break;
      EXPECT_REASON(status, LEDGER_UNAVAILABLE);
    }
    return status;
  }
  // Rows of a table.
  static int64_t Count(const std::string& table) {
    return std::stoll(server().Run(absl::StrCat("SELECT count(*) FROM fault.", table))[0]);
  }
  // Has the server answer with `state` whenever a leaf is appended, `times` times.
  static void FailLeaves(const std::string& state, int times) {
    server().Run("DROP SEQUENCE IF EXISTS fault.failures; CREATE SEQUENCE fault.failures");
    server().Run(
        absl::StrCat("CREATE OR REPLACE FUNCTION fault.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF "
                     "nextval('fault.failures') <= ",
                     times, " THEN RAISE EXCEPTION 'secret of a row' USING ERRCODE = '", state,
                     "', DETAIL = 'secret of a row'; END IF; RETURN NULL; END $$"));
    server().Run(
        "CREATE OR REPLACE TRIGGER fail AFTER INSERT ON fault.audit_leaf FOR EACH STATEMENT EXECUTE FUNCTION "
        "fault.fail()");
  }

  PostgresStoreOptions options_;
  TemporaryFolder folder_{"/tmp"};
  EntryMaker maker_;
  std::unique_ptr<CuttingProxy> proxy_;
  std::unique_ptr<Store> store_;
  std::vector<CommitResult> results_;
};

TEST_F(PostgresFaultTest, AKilledServerIsFoundAgain) {
  Open();
  Prepare();
  for (int round = 0; round < 2; ++round) {
    round == 0 ? server().Kill() : server().StopAtOnce();
    const std::vector<NewDisclosure> group = {Entry(), Entry()};
    const absl::Status lost = Commit(group);
    EXPECT_REASON(lost, LEDGER_UNAVAILABLE);
    EXPECT_THAT(std::string(MetadataOf(lost, "cause")), AnyOf("connection_lost", "reconnecting"));
    EXPECT_REASON(Commit(group), LEDGER_UNAVAILABLE);
    EXPECT_REASON(store_->ReadDisclosure(group[0].id).status(), LEDGER_UNAVAILABLE);
    server().Start();
    EXPECT_STATUS_OK(CommitUntilRecovered(group));
    EXPECT_EQ(Value(store_->ReadDisclosure(group[0].id)).seq, results_[0].seq);
    EXPECT_EQ(Value(store_->ReadLastSeq()), 5 + 2 * round);
    EXPECT_STATUS_OK(store_->Check());
  }
}

TEST_F(PostgresFaultTest, EndedSessionsAreReplaced) {
  Open();
  Prepare();
  EXPECT_EQ(Value(store_->ListDisclosures(1, 0, 10)).size(), 3u);
  server().Run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'posternd-%'");
  EXPECT_EQ(Value(store_->ListDisclosures(1, 0, 10)).size(), 3u) << "a reader asks anew";
  const std::vector<NewDisclosure> group = {Entry()};
  // Unless the background came upon it first, the commit finds that its session is gone.
  const absl::Status first = Commit(group);
  if (!first.ok()) {
    EXPECT_REASON(first, LEDGER_UNAVAILABLE);
    EXPECT_TRUE(Commit(group).ok()) << "the server was never away";
  }
  EXPECT_EQ(results_[0].seq, 4);
}

struct Cutting {
  const char* name;
  CuttingProxy::Cut cut;
};

class PostgresCutTest : public PostgresFaultTest, public ::testing::WithParamInterface<Cutting> {};

INSTANTIATE_TEST_SUITE_P(Cuts, PostgresCutTest,
                         ::testing::Values(Cutting{"BeforeCommit", CuttingProxy::Cut::kBeforeCommit},
                                           Cutting{"AfterCommit", CuttingProxy::Cut::kAfterCommit},
                                           Cutting{"WhileCommit", CuttingProxy::Cut::kWhileCommit}),
                         [](const auto& cutting) { return cutting.param.name; });

TEST_P(PostgresCutTest, ACommitOfUnknownOutcomeIsReadBack) {
  OpenThroughProxy();
  Prepare();
  for (int round = 1; round <= 20; ++round) {
    const std::vector<NewDisclosure> group = {Entry(), Entry()};
    proxy_->CutNext(GetParam().cut);
    const absl::Status lost = Commit(group);
    ASSERT_EQ(proxy_->cuts(), round);
    EXPECT_REASON(lost, LEDGER_UNAVAILABLE);
    EXPECT_EQ(MetadataOf(lost, "cause"), "connection_lost");
    EXPECT_STATUS_OK(CommitUntilRecovered(group));
    EXPECT_EQ(results_[0].replayed, results_[1].replayed) << "all or nothing";
    if (GetParam().cut != CuttingProxy::Cut::kWhileCommit) {
      EXPECT_EQ(results_[0].replayed, GetParam().cut == CuttingProxy::Cut::kAfterCommit);
    }
    EXPECT_EQ(results_[1].seq, 3 + 2 * round);
    EXPECT_EQ(Count("disclosure"), 3 + 2 * round);
    EXPECT_EQ(Count("audit_leaf"), 3 + 2 * round);
  }
  EXPECT_STATUS_OK(store_->Check());
}

// Every transaction, cut at its commit and asked again.
TEST_P(PostgresCutTest, NoTransactionIsLostOrDoubled) {
  OpenThroughProxy();
  Prepare();
  const bool done = GetParam().cut == CuttingProxy::Cut::kAfterCommit;
  const bool either = GetParam().cut == CuttingProxy::Cut::kWhileCommit;
  const auto cut = [&](const std::function<absl::Status()>& transaction, v1::ErrorReason if_done) {
    proxy_->CutNext(GetParam().cut);
    EXPECT_REASON(transaction(), LEDGER_UNAVAILABLE);
    absl::Status again;
    for (int i = 0; i < 500; ++i) {
      again = transaction();
      if (ReasonOf(again) != v1::ERROR_REASON_LEDGER_UNAVAILABLE) break;
      absl::SleepFor(absl::Milliseconds(10));
    }
    if (if_done == v1::ERROR_REASON_UNSPECIFIED || (!done && !either) || (either && again.ok())) {
      EXPECT_STATUS_OK(again);
    } else {
      EXPECT_EQ(ReasonOf(again), if_done);
    }
  };
  cut([&] { return store_->ReserveDispatch({DispatchMark{LaneSpan{1}, 2}}); }, v1::ERROR_REASON_UNSPECIFIED);
  SettleBatch batch;
  batch.span.partner = 1;
  batch.time = At(10);
  batch.watermark = 1;
  batch.acknowledged = {1};
  batch.settlements = {{2, v1::DISCLOSURE_STATE_DEAD_LETTERED, "rejected"}};
  cut([&] { return store_->Settle({batch}); }, v1::ERROR_REASON_UNSPECIFIED);
  EXPECT_THAT(Value(store_->ReadOutcomes(0, 10)), SizeIs(2));
  const crypto::Uuid letter = Value(store_->ListDeadLetters(1, 0, 10)).at(0).disclosure.id;
  cut([&] { return store_->ReplayDeadLetter(letter, "leaf").status(); }, v1::ERROR_REASON_NOT_FOUND);
  EXPECT_EQ(Count("disclosure"), 4);
  ChangeSet change;
  change.partners.emplace_back().row.partner.set_name("partners/one");
  change.raise_fences = {{FenceScope::Kind::kPartner, "partners/one"}};
  change.audit_leaves = {"created"};
  cut([&] { return store_->Apply(change).status(); }, v1::ERROR_REASON_ALREADY_EXISTS);
  EXPECT_EQ(Value(store_->ReadFenceVersion()), 1u);
  EXPECT_EQ(Count("partner"), 1);
  EXPECT_EQ(Count("audit_leaf"), 5);
  EXPECT_STATUS_OK(store_->Check());
}

TEST_F(PostgresFaultTest, WhatTheServerUndidIsRunAgain) {
  Open();
  Prepare();
  for (const char* state : {"40001", "40P01"}) {
    FailLeaves(state, 2);
    EXPECT_STATUS_OK(Commit({Entry()}));
    EXPECT_FALSE(results_[0].replayed);
    ChangeSet change;
    change.partners.emplace_back().row.partner.set_name(absl::StrCat("partners/", state));
    change.audit_leaves = {"created"};
    FailLeaves(state, 3);
    EXPECT_THAT(Value(store_->Apply(change)).partner_ids, SizeIs(1)) << "what a first run found is forgotten";
  }
  EXPECT_EQ(Count("disclosure"), 5);
  EXPECT_STATUS_OK(store_->Check());
}

TEST_F(PostgresFaultTest, WhatTheServerUndoesAgainAndAgainIsGivenUp) {
  Open();
  Prepare();
  struct Failure {
    const char* state;
    const char* cause;
  };
  for (const Failure& failure : {Failure{"40001", "serialization"}, Failure{"53100", "disk_full"},
                                 Failure{"57014", "timeout"}, Failure{"58030", "io_error"}}) {
    FailLeaves(failure.state, 1'000'000);
    const std::vector<NewDisclosure> group = {Entry()};
    const absl::Status status = Commit(group);
    EXPECT_REASON(status, LEDGER_UNAVAILABLE);
    EXPECT_EQ(MetadataOf(status, "cause"), failure.cause);
    EXPECT_EQ(std::string(status.message()).find("secret"), std::string::npos);
    server().Run("DROP TRIGGER fail ON fault.audit_leaf");
    EXPECT_STATUS_OK(CommitUntilRecovered(group));
    EXPECT_FALSE(results_[0].replayed);
  }
  EXPECT_STATUS_OK(store_->Check());
}

TEST_F(PostgresFaultTest, ALedgerThatSomebodyElseWroteIsNeverServedAgain) {
  Open();
  Prepare();
  {
    // The background may take the lock again before the other one does.
    options_.lock_wait = absl::Milliseconds(50);
    absl::StatusOr<std::unique_ptr<Store>> opened = absl::UnknownError("not tried");
    for (int i = 0; i < 100 && !opened.ok(); ++i) {
      server().Run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'posternd-%'");
      opened = OpenPostgresStore(options_);
    }
    ASSERT_TRUE(opened.ok()) << opened.status();
    const std::unique_ptr<Store> other = *std::move(opened);
    EXPECT_REASON(Commit({Entry()}), LEDGER_UNAVAILABLE);
    const absl::Status in_use = Commit({Entry()});
    EXPECT_REASON(in_use, LEDGER_UNAVAILABLE);
    EXPECT_TRUE(other->AppendAudit({"theirs"}).ok());
  }
  absl::Status status;
  for (int i = 0; i < 500 && MetadataOf(status, "cause") != "forked"; ++i) {
    status = Commit({Entry()});
    ASSERT_EQ(ReasonOf(status), v1::ERROR_REASON_LEDGER_UNAVAILABLE);
    absl::SleepFor(absl::Milliseconds(10));
  }
  EXPECT_EQ(MetadataOf(status, "cause"), "forked");
  EXPECT_EQ(MetadataOf(Commit({Entry()}), "cause"), "forked");
}

}  // namespace
}  // namespace postern::storage
