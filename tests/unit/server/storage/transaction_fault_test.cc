// Every transaction of the store against every way in which a disk fails, at every operation it does: it is true or not
// and never half, the caller is told that nobody knows, the truth is read back, and asking again leads on.

#include <filesystem>
#include <functional>
#include <map>
#include <optional>

#include "absl/strings/str_cat.h"
#include "server/storage/sqlite/sqlite_store.h"
#include "tests/disk/simulated_disk.h"
#include "tests/unit/server/storage/ledger_dump.h"
#include "tests/unit/server/storage/store_fixture.h"

namespace postern::storage {
namespace {

using ::postern::testing::DiskFault;
using ::postern::testing::SimulatedDisk;

std::map<std::string, size_t> CountsOf(const Dump& dump) {
  std::map<std::string, size_t> counts;
  for (const auto& [table, rows] : dump) counts[table] = rows.size();
  return counts;
}

// A transaction and what it says when it is asked for a second time.
struct Transaction {
  const char* name;
  std::function<absl::Status(Store&)> run;
  v1::ErrorReason again = v1::ERROR_REASON_UNSPECIFIED;  // unspecified: OK
  bool appends_again = false;                            // a repeat is a second entry, by its nature
  bool sweeps_later = false;                             // payloads go in the background, whenever that gets to it
};

NewDisclosure Entry(uint64_t number, bool exchange = false) {
  EntryMaker maker;
  NewDisclosure entry;
  for (uint64_t i = 0; i < number; ++i) entry = maker.Make(1);
  entry.grant = 1;
  entry.exchange = exchange;
  return entry;
}

SettleBatch BatchAt(int64_t seconds) {
  SettleBatch batch;
  batch.span.partner = 1;
  batch.time = At(seconds);
  return batch;
}

PartnerRow Partner(const std::string& name) {
  PartnerRow row;
  row.partner.set_name(name);
  return row;
}

// Six records and an exchange, three handed over, one a dead letter.
void Prepare(Store& store) {
  ASSERT_EQ(Value(store.InternGrant({1, "delivery", "shop.v1.Shipment", "r", "p", "l", "d"})), 1);
  std::vector<NewDisclosure> group;
  for (uint64_t i = 1; i <= 6; ++i) group.push_back(Entry(i));
  group.push_back(Entry(7, /*exchange=*/true));
  std::vector<CommitResult> results;
  ASSERT_TRUE(store.CommitGroup(group, {DispatchMark{LaneSpan{1}, 3}}, &results).ok());
  SettleBatch batch = BatchAt(10);
  batch.settlements = {{2, v1::DISCLOSURE_STATE_DEAD_LETTERED, "rejected"}};
  ASSERT_TRUE(store.Settle({batch}).ok());
  ChangeSet change;
  change.partners = {{Partner("partners/one"), ""}};
  ASSERT_TRUE(store.Apply(change).ok());
}

std::vector<Transaction> Transactions() {
  std::vector<Transaction> all;
  all.push_back({"CommitGroup", [](Store& store) {
                   std::vector<CommitResult> results;
                   absl::Status status = store.CommitGroup({Entry(20), Entry(21, true), Entry(22)}, {}, &results);
                   for (size_t i = 0; status.ok() && i < results.size(); ++i) {
                     EXPECT_STATUS_OK(results[i].status);
                     EXPECT_EQ(results[i].seq, 8 + static_cast<int64_t>(i));
                   }
                   return status;
                 }});
  all.push_back({"ReserveDispatch", [](Store& store) {
                   return store.ReserveDispatch({DispatchMark{LaneSpan{1}, 5}});
                 }});
  all.push_back(
      {"Settle", [](Store& store) {
         SettleBatch batch = BatchAt(20);
         batch.watermark = 1;
         batch.acknowledged = {1, 3};
         batch.settlements = {{4, v1::DISCLOSURE_STATE_WITHDRAWN, "gone"}, {7, v1::DISCLOSURE_STATE_DELIVERED, ""}};
         return store.Settle({batch});
       }});
  all.push_back({"ApplyPartnerAndFence",
                 [](Store& store) {
                   ChangeSet change;
                   change.partners = {{Partner("partners/two"), ""}};
                   change.raise_fences = {{FenceScope::Kind::kPartner, "partners/one"}};
                   change.audit_leaves = {"created"};
                   return store.Apply(change).status();
                 },
                 v1::ERROR_REASON_ALREADY_EXISTS});
  all.push_back({"ApplyBundle",
                 [](Store& store) {
                   ChangeSet change;
                   change.bundle = BundleRow{"digest", v1::PolicyBundle(), true, ""};
                   change.expected_bundle_etag = "";
                   change.audit_leaves = {"applied"};
                   return store.Apply(change).status();
                 },
                 v1::ERROR_REASON_ETAG_MISMATCH});
  all.push_back({"ApplyResult",
                 [](Store& store) {
                   ChangeSet change;
                   change.results = {{3, At(30), "type", "sealed", Id(77), Hash32{}}};
                   return store.Apply(change).status();
                 },
                 v1::ERROR_REASON_ALREADY_EXISTS});
  all.push_back({"ApplyCampaign", [](Store& store) {
                   ChangeSet change;
                   CampaignRow campaign;
                   campaign.campaign.set_name("partners/one/deletionCampaigns/1");
                   campaign.partner = 1;
                   NoticeRow notice;
                   notice.notice.set_name("partners/one/deletionCampaigns/1/notices/1");
                   notice.campaign = campaign.campaign.name();
                   notice.partner = 1;
                   notice.number = 1;
                   change.campaigns = {campaign};
                   change.notices = {notice};
                   change.handle_outcomes = {{notice.notice.name(), Hash32{}, {}, "", std::nullopt}};
                   change.order_events = {{Mac(9), 1, At(30)}};
                   return store.Apply(change).status();
                 }});
  all.push_back({"EndBacklog",
                 [](Store& store) {
                   ChangeSet change;
                   change.end_backlog = ChangeSet::EndBacklog{1, "terminated", At(40)};
                   return store.Apply(change).status();
                 },
                 v1::ERROR_REASON_UNSPECIFIED, /*appends_again=*/false, /*sweeps_later=*/true});
  all.push_back({"AppendAudit",
                 [](Store& store) {
                   return store.AppendAudit({"one", "two"}).status();
                 },
                 v1::ERROR_REASON_UNSPECIFIED, /*appends_again=*/true});
  all.push_back({"InternGrant", [](Store& store) {
                   return store.InternGrant({1, "customs", "shop.v1.Shipment", "r", "p", "l", "d"}).status();
                 }});
  all.push_back({"ReplayDeadLetter", [](Store& store) { return store.ReplayDeadLetter(Entry(2).id, "leaf").status(); },
                 v1::ERROR_REASON_NOT_FOUND});
  all.push_back({"DropDeadLetter", [](Store& store) { return store.DropDeadLetter(Entry(2).id, "leaf"); },
                 v1::ERROR_REASON_NOT_FOUND});
  all.push_back({"WriteCheckpoint", [](Store& store) { return store.WriteCheckpoint("signed"); }});
  return all;
}

struct Fault {
  const char* name;
  const char* cause;
  DiskFault fault;
};

std::vector<Fault> Faults() {
  return {{"WriteTorn", "io_error", {SQLITE_IOERR_WRITE}},
          {"WriteDoneAndReportedAsFailed", "io_error", {SQLITE_IOERR_WRITE, /*done=*/true}},
          {"DiskFull", "disk_full", {SQLITE_FULL}},
          {"SyncFailed", "fsync_failed", {SQLITE_IOERR_FSYNC}},
          {"SyncDoneAndReportedAsFailed", "fsync_failed", {SQLITE_IOERR_FSYNC, /*done=*/true}}};
}

class TransactionFaultTest : public ::testing::TestWithParam<size_t> {
 protected:
  std::unique_ptr<Store> Open() {
    SqliteStoreOptions options;
    options.directory = folder_.Path("data");
    options.clock = [] { return At(0); };
    options.index_idle = absl::Hours(1);
    return Value(OpenSqliteStore(options));
  }
  Dump LedgerDump(const Transaction& transaction) {
    Dump dump = DumpOf(folder_.Path("data/ledger.db"));
    if (transaction.sweeps_later) {
      for (const char* table : {"pending", "dead_letter", "backlog_end"}) dump.erase(table);
    }
    return dump;
  }
  // Puts back the store that Prepare made, on a disk of its own.
  void StartAnew(const Transaction& transaction);
  // False if `operation` is beyond what the transaction does.
  bool RunWithFault(const Transaction& transaction, const Fault& fault, int operation, bool power_cut);

  // In memory: what is tested is the simulated disk.
  TemporaryFolder folder_{"/dev/shm"};
  std::optional<SimulatedDisk> disk_;
  Dump before_;
  std::map<std::string, size_t> counts_after_;  // without faults
  int persisted_ = 0;
  int lost_ = 0;
};

void TransactionFaultTest::StartAnew(const Transaction& transaction) {
  namespace fs = std::filesystem;
  disk_.reset();
  disk_.emplace(3);
  if (before_.empty()) {
    Prepare(*Open());
    before_ = LedgerDump(transaction);
    fs::rename(folder_.Path("data"), folder_.Path("prepared"));
  }
  fs::remove_all(folder_.Path("data"));
  fs::copy(folder_.Path("prepared"), folder_.Path("data"));
}

bool TransactionFaultTest::RunWithFault(const Transaction& transaction, const Fault& fault, int operation,
                                        bool power_cut) {
  StartAnew(transaction);
  std::unique_ptr<Store> store = Open();
  disk_->FailAt(operation, fault.fault);
  const absl::Status status = transaction.run(*store);
  // What the sweep meets later is not the transaction's.
  const bool fired = disk_->fired() && !(transaction.sweeps_later && status.ok());
  disk_->Heal();
  EXPECT_EQ(status.ok(), !fired);
  if (fired) {
    EXPECT_REASON(status, LEDGER_UNAVAILABLE);
    EXPECT_EQ(MetadataOf(status, "cause"), fault.cause);
    if (power_cut) {
      disk_->CutPower();
      store.reset();
      EXPECT_TRUE(disk_->RestorePower());
      store = Open();
    }
    // Any other write finds out what is true.
    EXPECT_STATUS_OK(store->ReserveDispatch({DispatchMark{LaneSpan{1}, 1}}));
    const Dump found = LedgerDump(transaction);
    const bool persisted = found != before_;
    ++(persisted ? persisted_ : lost_);
    if (persisted) {
      EXPECT_EQ(CountsOf(found), counts_after_) << "half of it";
    }
    const absl::Status again = transaction.run(*store);
    if (persisted && transaction.again != v1::ERROR_REASON_UNSPECIFIED) {
      EXPECT_EQ(ReasonOf(again), transaction.again) << again;
    } else {
      EXPECT_STATUS_OK(again);
    }
    if (persisted && transaction.appends_again) return true;
  }
  const Dump last = LedgerDump(transaction);
  if (counts_after_.empty()) counts_after_ = CountsOf(last);
  EXPECT_EQ(CountsOf(last), counts_after_);
  EXPECT_STATUS_OK(store->Check());
  store.reset();
  store = Open();
  EXPECT_EQ(LedgerDump(transaction), last);
  return fired;
}

INSTANTIATE_TEST_SUITE_P(All, TransactionFaultTest, ::testing::Range(size_t{0}, Transactions().size()),
                         [](const auto& number) { return Transactions()[number.param].name; });

TEST_P(TransactionFaultTest, IsTrueOrNotAndNeverHalf) {
  const Transaction transaction = Transactions()[GetParam()];
  ASSERT_FALSE(RunWithFault(transaction, {"None", "", {}}, 1'000'000, false));
  for (const Fault& fault : Faults()) {
    for (const bool power_cut : {false, true}) {
      int operation = 1;
      for (; operation < 100; ++operation) {
        SCOPED_TRACE(absl::StrCat(fault.name, " at operation ", operation, power_cut ? ", then power is lost" : ""));
        if (!RunWithFault(transaction, fault, operation, power_cut)) break;
      }
      EXPECT_GT(operation, 2) << "it changes the disk, by a write and a sync at least";
    }
  }
  EXPECT_GT(persisted_, 0) << "each transaction was met persisted";
  EXPECT_GT(lost_, 0) << "and not persisted";
}

}  // namespace
}  // namespace postern::storage
