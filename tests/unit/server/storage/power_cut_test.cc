// Power goes at any change of the disk, and unsynced writes with it, whole or by sectors. Nothing that was acknowledged
// may be missing afterwards, and the tree extends every head that was shown.
#include <map>
#include <random>

#include "absl/strings/str_cat.h"
#include "server/crypto/merkle.h"
#include "server/storage/sqlite/sqlite_store.h"
#include "tests/disk/simulated_disk.h"
#include "tests/unit/server/storage/store_fixture.h"

namespace postern::storage {
namespace {

using ::postern::testing::DiskFault;
using ::postern::testing::SimulatedDisk;

constexpr uint64_t kRowsAGroup = 5;
constexpr uint64_t kRecords = 60;

class PowerCutTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<Store>> Open() {
    SqliteStoreOptions options;
    options.directory = folder_.Path("data");
    options.clock = [] { return At(0); };
    options.checkpoint_pages = 30;  // so that checkpoints are met too
    options.index_batch = 20;
    options.version_batch = 20;
    return OpenSqliteStore(options);
  }

  NewDisclosure NumberedEntry(uint64_t number, GrantId grant) {
    NewDisclosure entry = EntryMaker().Make(1);
    entry.id = Id(number);
    entry.request_id = Id(1'000'000 + number);
    entry.grant = grant;
    entry.record_key = Mac(number % kRecords);
    entry.has_record_version = true;
    entry.record_version = number;
    entry.audit_leaf = std::string(200, static_cast<char>('a' + number % 26));
    entry.sealed_payload = std::string(800, static_cast<char>('A' + number % 26));
    return entry;
  }

  // Commits and settles until the disk fails; remembers what the store said is durable.
  void WorkUntilTheDiskFails() {
    absl::StatusOr<std::unique_ptr<Store>> store = Open();
    if (!store.ok()) return;
    const absl::StatusOr<GrantId> grant = (*store)->InternGrant({1, "delivery", "shop.v1.Shipment", "r", "p", "l", "d"});
    if (!grant.ok()) return;
    // Background work may have met the fault, and then nothing fails here.
    while (!disk_.off() && !disk_.fired()) {
      std::vector<NewDisclosure> group;
      for (uint64_t i = 0; i < kRowsAGroup; ++i) group.push_back(NumberedEntry(next_++, *grant));
      std::vector<CommitResult> results;
      if (!(*store)->CommitGroup(group, {}, &results).ok()) return;
      for (uint64_t i = 0; i < kRowsAGroup; ++i) acknowledged_[next_ - kRowsAGroup + i] = results[i].seq;
      const absl::StatusOr<TreeHead> head = (*store)->ReadTreeHead();
      if (head.ok()) heads_[head->size] = head->root;
      SettleBatch batch;
      batch.span.partner = 1;
      batch.watermark = results[2].seq;
      for (int64_t seq = results[2].seq - 4; seq <= results[2].seq; ++seq) {
        if (seq > 0) batch.acknowledged.push_back(seq);
      }
      if (!(*store)->Settle({batch}).ok()) return;
      settled_ = results[2].seq;
    }
  }

  void ExpectNothingLost() {
    const std::unique_ptr<Store> store = Value(Open());
    ASSERT_NE(store, nullptr);
    EXPECT_STATUS_OK(store->Check());
    for (const auto& [number, seq] : acknowledged_) EXPECT_EQ(Value(store->ReadDisclosure(Id(number))).seq, seq);
    EXPECT_GE(Value(store->ReadLanes(1)).watermark, settled_);
    ExpectVersionsKnown(*store);
    crypto::MerkleFrontier tree;
    std::map<uint64_t, Hash32> heads = heads_;
    for (const std::string& leaf : Value(store->ReadLeaves(0, 1'000'000))) {
      tree.Append(crypto::MerkleLeafHash(leaf));
      if (const auto head = heads.find(tree.size()); head != heads.end()) {
        EXPECT_EQ(tree.Root(), head->second);
        heads.erase(head);
      }
    }
    EXPECT_TRUE(heads.empty()) << "the tree is shorter than one that was shown";
  }

  // Versions of records are written behind the ledger: none that was acknowledged may come again.
  void ExpectVersionsKnown(Store& store) {
    std::map<uint64_t, uint64_t> newest;  // by record
    for (const auto& [number, seq] : acknowledged_) newest[number % kRecords] = number;
    const GrantId grant = Value(store.InternGrant({1, "delivery", "shop.v1.Shipment", "r", "p", "l", "d"}));
    std::vector<NewDisclosure> again;
    for (const auto& [record, number] : newest) {
      again.push_back(NumberedEntry(number, grant));
      again.back().id = Id(2'000'000 + next_);
      again.back().request_id = Id(3'000'000 + next_++);
    }
    std::vector<CommitResult> results;
    ASSERT_TRUE(store.CommitGroup(again, {}, &results).ok());
    for (const CommitResult& result : results) EXPECT_REASON(result.status, RECORD_VERSION_STALE);
  }

  TemporaryFolder folder_{"/dev/shm"};  // what is tested is the simulated disk
  SimulatedDisk disk_{7};
  std::mt19937_64 random_{11};
  uint64_t next_ = 1;
  std::map<uint64_t, int64_t> acknowledged_;
  std::map<uint64_t, Hash32> heads_;
  int64_t settled_ = 0;
};

TEST_F(PowerCutTest, NothingAcknowledgedIsLost) {
  for (int round = 0; round < 40; ++round) {
    SCOPED_TRACE(round);
    // Short countdowns meet the opening and its recovery, long ones checkpoints.
    disk_.CutPowerAt(1 + static_cast<int>(random_() % (round % 2 == 0 ? 40 : 400)));
    WorkUntilTheDiskFails();
    EXPECT_TRUE(disk_.off());
    ASSERT_TRUE(disk_.RestorePower());
    ExpectNothingLost();
  }
  EXPECT_GT(acknowledged_.size(), 200u);
  const auto changes = disk_.Changes();
  for (const char* boundary : {"ledger.db-wal:write", "ledger.db-wal:sync", "ledger.db:write", "ledger.db:sync",
                               "index.db-wal:write", "ledger.db-wal:truncate"}) {
    EXPECT_TRUE(changes.contains(boundary)) << boundary;
  }
}

// The worst that an fsync can do: it fails, the pages are clean from then on, and later ones succeed without them. A
// restart reads them from the page cache, and then power goes while the store stands on them.
TEST_F(PowerCutTest, WhatAFailedSyncLeftInThePageCacheIsNotBuiltUpon) {
  for (int round = 0; round < 40; ++round) {
    SCOPED_TRACE(round);
    DiskFault fault{SQLITE_IOERR_FSYNC};
    fault.only = "sync";
    disk_.FailAt(1 + static_cast<int>(random_() % 12), fault);
    WorkUntilTheDiskFails();
    disk_.Heal();
    disk_.CutPowerAt(1 + static_cast<int>(random_() % 60));
    WorkUntilTheDiskFails();
    EXPECT_TRUE(disk_.off());
    ASSERT_TRUE(disk_.RestorePower());
    ExpectNothingLost();
  }
  EXPECT_GT(acknowledged_.size(), 200u);
}

}  // namespace
}  // namespace postern::storage
