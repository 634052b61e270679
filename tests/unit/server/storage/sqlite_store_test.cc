// What only the SQLite store promises: its folder, its index file, what it leaves on disk.
#include "server/storage/sqlite/sqlite_store.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "tests/unit/server/storage/store_fixture.h"

namespace postern::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SqliteStoreTest : public ::testing::Test {
 protected:
  SqliteStoreTest() {
    options_.directory = folder_.Path("data");
    options_.clock = [] { return At(0); };
  }

  void Open() {
    store_.reset();
    store_ = Value(OpenSqliteStore(options_));
    ASSERT_NE(store_, nullptr);
  }
  NewDisclosure Entry() {
    NewDisclosure entry = maker_.Make(1);
    entry.grant = Value(store_->InternGrant({1, "delivery", "shop.v1.Shipment", "r", "p", "l", "d"}));
    return entry;
  }
  void Commit(const NewDisclosure& entry) {
    std::vector<CommitResult> results;
    ASSERT_TRUE(store_->CommitGroup({entry}, {}, &results).ok());
    ASSERT_TRUE(results[0].status.ok()) << results[0].status;
  }
  // Commits `count` disclosures of which every third concerns `subject`, and returns the positions of those.
  std::vector<int64_t> CommitAbout(const Mac16& subject, int count) {
    std::vector<NewDisclosure> group;
    std::vector<int64_t> about;
    const int64_t last = Value(store_->ReadLastSeq());
    for (int i = 1; i <= count; ++i) {
      group.push_back(Entry());
      group.back().subjects.push_back(i % 3 == 0 ? subject : Mac(900));
      if (i % 3 == 0) about.push_back(last + i);
    }
    std::vector<CommitResult> results;
    EXPECT_STATUS_OK(store_->CommitGroup(group, {}, &results));
    return about;
  }
  std::vector<int64_t> FindAbout(const Mac16& subject, int64_t after = 0, int limit = 10000) {
    std::vector<int64_t> seqs;
    for (const DisclosureRow& row : Value(store_->ListBySubject(subject, after, limit))) seqs.push_back(row.seq);
    return seqs;
  }
  // Whether any file of the store holds `bytes`.
  bool OnDisk(const std::string& bytes) {
    for (const auto& entry : std::filesystem::directory_iterator(options_.directory)) {
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
      if (content.find(bytes) != std::string::npos) return true;
    }
    return false;
  }
  template <typename Condition>
  static bool Eventually(Condition condition) {
    for (int i = 0; i < 500; ++i) {
      if (condition()) return true;
      absl::SleepFor(absl::Milliseconds(20));
    }
    return false;
  }

  TemporaryFolder folder_;
  SqliteStoreOptions options_;
  EntryMaker maker_;
  std::unique_ptr<Store> store_;
};

TEST_F(SqliteStoreTest, SecondStoreOnTheFolderIsRefused) {
  Open();
  EXPECT_EQ(OpenSqliteStore(options_).status().code(), absl::StatusCode::kFailedPrecondition);
  store_.reset();
  EXPECT_TRUE(OpenSqliteStore(options_).ok());
}

TEST_F(SqliteStoreTest, MissingFolderIsMadeOnlyOnRequest) {
  options_.create_if_missing = false;
  EXPECT_FALSE(OpenSqliteStore(options_).ok());
  EXPECT_FALSE(std::filesystem::exists(options_.directory));
}

TEST_F(SqliteStoreTest, FolderAndFilesAreTheUsersAlone) {
  Open();
  Commit(Entry());
  struct stat entry {};
  ASSERT_EQ(stat(options_.directory.c_str(), &entry), 0);
  EXPECT_EQ(entry.st_mode & 0777, 0700u);
  for (const auto& file : std::filesystem::directory_iterator(options_.directory)) {
    ASSERT_EQ(stat(file.path().c_str(), &entry), 0);
    EXPECT_EQ(entry.st_mode & 077, 0u) << file.path();
  }
}

TEST_F(SqliteStoreTest, ExposedFolderOrFileIsRefused) {
  Open();
  store_.reset();
  chmod(options_.directory.c_str(), 0750);
  EXPECT_THAT(std::string(OpenSqliteStore(options_).status().message()), HasSubstr("open to other users"));
  chmod(options_.directory.c_str(), 0700);
  chmod((options_.directory + "/ledger.db").c_str(), 0640);
  EXPECT_THAT(std::string(OpenSqliteStore(options_).status().message()), HasSubstr("open to other users"));
}

TEST_F(SqliteStoreTest, SymbolicLinksAreRefused) {
  Open();
  store_.reset();
  SqliteStoreOptions through_link = options_;
  through_link.directory = folder_.Path("link");
  std::filesystem::create_directory_symlink(options_.directory, through_link.directory);
  EXPECT_THAT(std::string(OpenSqliteStore(through_link).status().message()), HasSubstr("not a directory"));
  std::filesystem::rename(options_.directory + "/ledger.db", folder_.Path("elsewhere.db"));
  std::filesystem::create_symlink(folder_.Path("elsewhere.db"), options_.directory + "/ledger.db");
  EXPECT_THAT(std::string(OpenSqliteStore(options_).status().message()), HasSubstr("not a plain file"));
}

TEST_F(SqliteStoreTest, SubjectIsFoundInTheIndexAndInTheTail) {
  options_.index_batch = 4;
  options_.index_idle = absl::Hours(1);
  Open();
  std::vector<int64_t> about = CommitAbout(Mac(7), 200);
  EXPECT_EQ(FindAbout(Mac(7)), about);
  // While the index grows behind it, and after: always the same answer.
  for (int i = 0; i < 20; ++i) {
    const std::vector<int64_t> more = CommitAbout(Mac(7), 10);
    about.insert(about.end(), more.begin(), more.end());
    EXPECT_EQ(FindAbout(Mac(7)), about);
  }
  EXPECT_THAT(FindAbout(Mac(7), about[3], 2), ElementsAre(about[4], about[5]));
  EXPECT_EQ(FindAbout(Mac(8)), std::vector<int64_t>());
  Open();
  EXPECT_EQ(FindAbout(Mac(7)), about);
}

TEST_F(SqliteStoreTest, LostOrDamagedIndexIsRebuilt) {
  options_.index_batch = 4;
  Open();
  const std::vector<int64_t> about = CommitAbout(Mac(7), 100);
  const std::string index = options_.directory + "/index.db";
  const auto built = [&] {
    return std::filesystem::exists(index + "-wal") && std::filesystem::file_size(index + "-wal") > 0;
  };
  EXPECT_TRUE(Eventually(built));
  store_.reset();
  std::filesystem::remove(index);
  Open();
  EXPECT_EQ(FindAbout(Mac(7)), about);
  store_.reset();
  std::ofstream(index, std::ios::binary)
      << "this is no database, but it is long enough to be taken for one by its size";
  Open();
  EXPECT_EQ(FindAbout(Mac(7)), about);
}

TEST_F(SqliteStoreTest, IndexOfAnotherLedgerIsNotBelieved) {
  options_.index_batch = 1;
  Open();
  CommitAbout(Mac(7), 9);
  store_.reset();
  const std::string foreign = folder_.Path("foreign.db");
  std::filesystem::rename(options_.directory + "/index.db", foreign);
  std::filesystem::remove_all(options_.directory);
  Open();
  const std::vector<int64_t> about = CommitAbout(Mac(8), 9);
  store_.reset();
  std::filesystem::rename(foreign, options_.directory + "/index.db");
  Open();
  EXPECT_EQ(FindAbout(Mac(8)), about);
  EXPECT_EQ(FindAbout(Mac(7)), std::vector<int64_t>());
}

TEST_F(SqliteStoreTest, EndedBacklogLeavesTheDisk) {
  Open();
  NewDisclosure entry = Entry();
  entry.sealed_payload = "this ciphertext must go from the disk";
  Commit(entry);
  ASSERT_TRUE(OnDisk(entry.sealed_payload));
  ChangeSet change;
  change.end_backlog = ChangeSet::EndBacklog{1, "terminated", At(1)};
  ASSERT_TRUE(store_->Apply(change).ok());
  EXPECT_TRUE(Eventually([&] { return !OnDisk(entry.sealed_payload); }));
}

TEST_F(SqliteStoreTest, ScrubRemovesWhatWasSettled) {
  Open();
  NewDisclosure entry = Entry();
  entry.sealed_payload = "this ciphertext must go from the disk";
  Commit(entry);
  SettleBatch batch;
  batch.span.partner = 1;
  batch.watermark = 1;
  batch.acknowledged = {1};
  ASSERT_TRUE(store_->Settle({batch}).ok());
  store_->RequestScrub();
  EXPECT_TRUE(Eventually([&] { return !OnDisk(entry.sealed_payload); }));
}

TEST_F(SqliteStoreTest, AReaderInTheWayOfACheckpointHoldsUpNoCommit) {
  options_.checkpoint_pages = 1;
  Open();
  Commit(Entry());
  const std::string ledger = options_.directory + "/ledger.db";
  // A reader of its own, so that it can stay: the log cannot be cut while it looks at a part of it.
  sqlite3* reader = nullptr;
  ASSERT_EQ(sqlite3_open_v2(ledger.c_str(), &reader, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM disclosure", nullptr, nullptr, nullptr), SQLITE_OK);
  Commit(Entry());
  store_->RequestScrub();
  absl::SleepFor(absl::Milliseconds(200));  // the checkpoint is under way
  for (int i = 0; i < 20; ++i) {
    const absl::Time begin = absl::Now();
    Commit(Entry());
    EXPECT_LT(absl::Now() - begin, absl::Seconds(1));
    absl::SleepFor(absl::Milliseconds(50));
  }
  EXPECT_GT(std::filesystem::file_size(ledger + "-wal"), 0u);
  ASSERT_EQ(sqlite3_exec(reader, "COMMIT", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(reader);
  EXPECT_TRUE(Eventually([&] { return std::filesystem::file_size(ledger + "-wal") == 0; })) << "and it comes again";
  EXPECT_EQ(Value(store_->ReadLastSeq()), 22);
}

TEST_F(SqliteStoreTest, RequestIdsAreForgottenAfterADay) {
  Open();
  const NewDisclosure entry = Entry();
  Commit(entry);
  NewDisclosure again = Entry();
  again.request_id = entry.request_id;
  again.content_digest = entry.content_digest;
  std::vector<CommitResult> results;
  options_.clock = [] { return At(24 * 3600); };
  Open();
  absl::SleepFor(absl::Milliseconds(200));
  ASSERT_TRUE(store_->CommitGroup({again}, {}, &results).ok());
  EXPECT_TRUE(results[0].replayed) << "a day is not over";
  options_.clock = [] { return At(26 * 3600); };
  Open();
  EXPECT_TRUE(Eventually([&] {
    ++again.id.bytes[15];
    EXPECT_TRUE(store_->CommitGroup({again}, {}, &results).ok());
    return !results[0].replayed;
  }));
}

TEST_F(SqliteStoreTest, ReadersSeeTheLedgerWhileItIsWritten) {
  Open();
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 6; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const TreeHead head = Value(store_->ReadTreeHead());
        EXPECT_EQ(Value(store_->ReadLeaves(0, 1 << 20)).size() >= head.size, true);
        Value(store_->ReadBacklog(1, 0, 100, 1 << 20));
        Value(store_->CountBacklog(1));
      }
    });
  }
  for (int i = 0; i < 100; ++i) Commit(Entry());
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(Value(store_->ReadTreeHead()).size, 100u);
}

}  // namespace
}  // namespace postern::storage
