#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "server/storage/sqlite/sqlite_store.h"
#include "tests/disk/simulated_disk.h"
#include "tests/unit/server/storage/store_fixture.h"

namespace postern::storage {
namespace {

struct Fault {
  const char* name;
  int code;
  bool done;
};

class DiskFaultTest : public ::testing::TestWithParam<Fault> {
 protected:
  std::unique_ptr<Store> Open(const std::string& folder) {
    SqliteStoreOptions options;
    options.directory = folder_.Path(folder);
    options.clock = [] { return At(0); };
    options.index_idle = absl::Hours(1);
    return Value(OpenSqliteStore(options));
  }
  NewDisclosure Entry(Store& store) {
    NewDisclosure entry = maker_.Make(1);
    entry.grant = Value(store.InternGrant({1, "delivery", "shop.v1.Shipment", "r", "p", "l", "d"}));
    return entry;
  }
  static absl::Status Commit(Store& store, const std::vector<NewDisclosure>& group,
                             std::vector<CommitResult>* results) {
    absl::Status status = store.CommitGroup(group, {}, results);
    if (status.ok()) {
      for (const CommitResult& result : *results) EXPECT_STATUS_OK(result.status);
    }
    return status;
  }

  testing::SimulatedDisk disk_{1};
  TemporaryFolder folder_;
  EntryMaker maker_;
};

INSTANTIATE_TEST_SUITE_P(Faults, DiskFaultTest,
                         ::testing::Values(Fault{"WriteTorn", SQLITE_IOERR_WRITE, false},
                                           Fault{"WriteDone", SQLITE_IOERR_WRITE, true},
                                           Fault{"DiskFull", SQLITE_FULL, false},
                                           Fault{"FsyncFailed", SQLITE_IOERR_FSYNC, false},
                                           Fault{"FsyncDone", SQLITE_IOERR_FSYNC, true}),
                         [](const auto& fault) { return fault.param.name; });

// Every operation of a commit fails once, in a store of its own; what the caller then does is ask again.
TEST_P(DiskFaultTest, ACommitThatFailsIsTrueOrNotAndNeverHalf) {
  bool fired = true;
  for (int operation = 1; fired; ++operation) {
    SCOPED_TRACE(operation);
    ASSERT_LT(operation, 200);
    std::unique_ptr<Store> store = Open(absl::StrCat("data", operation));
    std::vector<CommitResult> results;
    ASSERT_TRUE(Commit(*store, {Entry(*store), Entry(*store)}, &results).ok());
    const std::vector<NewDisclosure> group = {Entry(*store), Entry(*store), Entry(*store)};

    disk_.FailAt(operation, {GetParam().code, GetParam().done});
    const absl::Status status = Commit(*store, group, &results);
    fired = disk_.fired();
    disk_.Heal();
    EXPECT_EQ(status.ok(), !fired);
    if (fired) {
      EXPECT_REASON(status, LEDGER_UNAVAILABLE);
    }

    ASSERT_TRUE(Commit(*store, group, &results).ok());
    for (size_t i = 0; i < group.size(); ++i) {
      EXPECT_EQ(results[i].id, group[i].id);
      EXPECT_EQ(results[i].seq, static_cast<int64_t>(i) + 3);
    }
    EXPECT_EQ(Value(store->ReadTreeHead()).size, 5u);
    EXPECT_EQ(Value(store->ReadBacklog(1, 0, 100, 1 << 20)).size(), 5u);
    EXPECT_STATUS_OK(store->Check());
    store.reset();
    store = Open(absl::StrCat("data", operation));
    EXPECT_EQ(Value(store->ReadTreeHead()).size, 5u);
    EXPECT_STATUS_OK(store->Check());
  }
}

TEST_P(DiskFaultTest, NothingIsWrittenWhileTheDiskFailsAndAllGoesOnAfterwards) {
  std::unique_ptr<Store> store = Open("data");
  std::vector<CommitResult> results;
  const NewDisclosure before = Entry(*store);
  const NewDisclosure during = Entry(*store);
  const NewDisclosure after = Entry(*store);
  ASSERT_TRUE(Commit(*store, {before}, &results).ok());
  disk_.FailAt(1, {GetParam().code, GetParam().done, /*lasting=*/true});
  for (int i = 0; i < 3; ++i) {
    EXPECT_REASON(Commit(*store, {during}, &results), LEDGER_UNAVAILABLE);
    EXPECT_REASON(store->ReserveDispatch({DispatchMark{LaneSpan{1}, 1}}), LEDGER_UNAVAILABLE);
    EXPECT_REASON(store->AppendAudit({"leaf"}).status(), LEDGER_UNAVAILABLE);
  }
  disk_.Heal();
  ASSERT_TRUE(Commit(*store, {after}, &results).ok());
  EXPECT_EQ(Value(store->ReadDisclosure(after.id)).seq, results[0].seq);
  EXPECT_EQ(Value(store->ReadDisclosure(before.id)).seq, 1);
  EXPECT_STATUS_OK(store->Check());
}

class DiskFaultCauseTest : public DiskFaultTest {};
INSTANTIATE_TEST_SUITE_P(Faults, DiskFaultCauseTest,
                         ::testing::Values(Fault{"disk_full", SQLITE_FULL, false},
                                           Fault{"fsync_failed", SQLITE_IOERR_FSYNC, false},
                                           Fault{"io_error", SQLITE_IOERR_WRITE, false}),
                         [](const auto& fault) { return fault.param.name; });

TEST_P(DiskFaultCauseTest, TheCauseIsNamed) {
  std::unique_ptr<Store> store = Open("data");
  disk_.FailAt(1, {GetParam().code, /*done=*/false, /*lasting=*/true});
  EXPECT_EQ(MetadataOf(store->AppendAudit({"leaf"}).status(), "cause"), GetParam().name);
  disk_.Heal();
}

}  // namespace
}  // namespace postern::storage
