// A small store in which one thing was changed by somebody who does not make page checksums: it is found when the store
// is opened or checked, or read as what it was.
#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "server/storage/sqlite/sqlite_store.h"
#include "tests/unit/server/storage/ledger_dump.h"
#include "tests/unit/server/storage/store_fixture.h"

namespace postern::storage {
namespace {

constexpr size_t kPage = 4096;

class TamperingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    {
      const std::unique_ptr<Store> store = Value(Open());
      EntryMaker maker;
      const GrantId grant = Value(store->InternGrant({1, "delivery", "shop.v1.Shipment", "r", "p", "l", "d"}));
      for (int i = 0; i < 12; ++i) {
        std::vector<NewDisclosure> group = {maker.Make(1), maker.Make(1), maker.Make(1)};
        group[2].exchange = true;
        group[1].sealed_payload.assign(6000, 's');  // overflow pages too
        for (NewDisclosure& entry : group) entry.grant = grant;
        std::vector<CommitResult> results;
        ASSERT_TRUE(store->CommitGroup(group, {DispatchMark{LaneSpan{1}, 3}}, &results).ok());
      }
      SettleBatch batch;
      batch.span.partner = 1;
      batch.watermark = 1;
      batch.acknowledged = {1};
      batch.settlements = {{2, v1::DISCLOSURE_STATE_DEAD_LETTERED, "rejected"},
                           {3, v1::DISCLOSURE_STATE_DELIVERED, ""}};
      ASSERT_TRUE(store->Settle({batch}).ok());
      ChangeSet change;
      PartnerRow partner;
      partner.partner.set_name("partners/one");
      change.partners = {{partner, ""}};
      change.raise_fences = {{FenceScope::Kind::kPartner, "partners/one"}};
      ASSERT_TRUE(store->Apply(change).ok());
      ASSERT_TRUE(store->Check().ok());
      head_ = Value(store->ReadTreeHead());
    }
    dump_ = DumpOf(file());
    std::ifstream in(file(), std::ios::binary);
    content_.assign(std::istreambuf_iterator<char>(in), {});
    ASSERT_EQ(content_.size() % kPage, 0u);
  }

  std::string file() const { return folder_.Path("data/ledger.db"); }
  absl::StatusOr<std::unique_ptr<Store>> Open() {
    SqliteStoreOptions options;
    options.directory = folder_.Path("data");
    options.clock = [] { return At(0); };
    return OpenSqliteStore(options);
  }
  void Write(const std::string& content) {
    for (const char* other : {"data/ledger.db-wal", "data/ledger.db-shm"}) std::filesystem::remove(folder_.Path(other));
    std::ofstream(file(), std::ios::binary | std::ios::trunc) << content;
  }
  // Opening or checking says so, or the tree is not the one that was published.
  bool Found() {
    const auto store = Open();
    if (!store.ok() || !(*store)->Check().ok()) return true;
    const auto head = (*store)->ReadTreeHead();
    return !head.ok() || head->size != head_.size || head->root != head_.root;
  }

  TemporaryFolder folder_{"/dev/shm"};
  TreeHead head_;
  Dump dump_;
  std::string content_;
};

// Clause: P1.3c
TEST_F(TamperingTest, AChangedByteIsFoundOrChangesNothing) {
  int found = 0;
  int tried = 0;
  for (size_t at = 0; at < content_.size(); at += at < 110 ? 1 : 383) {
    SCOPED_TRACE(absl::StrCat("byte ", at, " of ", content_.size()));
    std::string changed = content_;
    changed[at] = static_cast<char>(changed[at] ^ (1 << (at % 8)));
    Write(changed);
    ++tried;
    if (Found()) {
      ++found;
    } else {
      EXPECT_EQ(DumpOf(file()), dump_);
    }
  }
  EXPECT_GT(tried, 400);
  EXPECT_GT(found, tried / 2);
}

TEST_F(TamperingTest, SwappedDoubledAndMissingPagesAreFound) {
  const size_t pages = content_.size() / kPage;
  for (size_t page = 1; page + 1 < pages; page += 3) {
    SCOPED_TRACE(page);
    const std::string one = content_.substr(page * kPage, kPage);
    const std::string next = content_.substr((page + 1) * kPage, kPage);
    if (one == next) continue;
    std::string changed = content_;
    changed.replace(page * kPage, kPage, next).replace((page + 1) * kPage, kPage, one);
    Write(changed);
    EXPECT_TRUE(Found() || DumpOf(file()) == dump_) << "swapped";
    changed = content_;
    changed.replace(page * kPage, kPage, next);
    Write(changed);
    EXPECT_TRUE(Found() || DumpOf(file()) == dump_) << "doubled";
  }
  Write(content_.substr(0, content_.size() - kPage));
  EXPECT_TRUE(Found()) << "the last page is missing";
}

// Clause: P1.3c
TEST_F(TamperingTest, RowsThatWereDroppedOrChangedWithStockToolsAreFound) {
  for (const auto& [table, rows] : dump_) {
    if (rows.empty() || table == "sqlite_sequence") continue;
    for (const std::string& sql : {absl::StrCat("DELETE FROM ", table),
                                  absl::StrCat("CREATE TABLE x AS SELECT * FROM ", table, "; DELETE FROM ", table,
                                               "; INSERT INTO ", table, " SELECT * FROM x LIMIT ", rows.size() - 1)}) {
      SCOPED_TRACE(sql);
      Write(content_);
      sqlite3* db = nullptr;
      ASSERT_EQ(sqlite3_open(file().c_str(), &db), SQLITE_OK);
      EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
      sqlite3_close(db);
      EXPECT_TRUE(Found());
    }
  }
}

}  // namespace
}  // namespace postern::storage
