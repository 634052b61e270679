// A ledger that was put back, forked or cut off from its checkpoint does not serve.
#include <sqlite3.h>

#include <filesystem>
#include <memory>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/crypto/signature.h"
#include "server/gateway/checkpoint_publisher.h"
#include "server/storage/sqlite/page_checksums.h"
#include "server/storage/sqlite/sqlite_store.h"
#include "tests/support/gateway_process.h"

namespace postern::testing {
namespace {

namespace fs = std::filesystem;

class LedgerTamperingTest : public ::testing::Test {
 protected:
  LedgerTamperingTest() {
    std::string pattern = fs::temp_directory_path().string() + "/postern-fault-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    auto key = crypto::PrivateKey::Generate(crypto::SignatureAlgorithm::kEd25519);
    EXPECT_TRUE(key.ok());
    auto signer = crypto::NoteSigner::Create("log.example", *std::move(key));
    EXPECT_TRUE(signer.ok());
    signer_ = std::make_unique<crypto::NoteSigner>(*std::move(signer));
  }
  ~LedgerTamperingTest() override { fs::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

  // Appends leaves that no checkpoint covers yet.
  void AppendUnsigned(const std::vector<std::string>& leaves) {
    storage::SqliteStoreOptions options;
    options.directory = Path("ledger");
    auto store = storage::OpenSqliteStore(options);
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE((*store)->AppendAudit(leaves).ok());
  }
  // Opens, checks against the checkpoint file, appends `leaves` and publishes; what the check says.
  absl::Status Live(const std::vector<std::string>& leaves) {
    storage::SqliteStoreOptions options;
    options.directory = Path("ledger");
    auto store = storage::OpenSqliteStore(options);
    if (!store.ok()) return store.status();
    gateway::CheckpointPublisher publisher(store->get(), signer_.get(), {Path("checkpoint")});
    if (absl::Status verified = publisher.VerifyLedger(); !verified.ok()) return verified;
    if (!leaves.empty()) EXPECT_TRUE((*store)->AppendAudit(leaves).ok());
    return publisher.Publish();
  }
  void Copy(const std::string& from, const std::string& to) {
    fs::remove_all(Path(to));
    fs::copy(Path(from), Path(to), fs::copy_options::recursive);
  }

  std::string folder_;
  std::unique_ptr<crypto::NoteSigner> signer_;
};

// Clause: P1.3c
TEST_F(LedgerTamperingTest, AnOldCopyIsRefused) {
  ASSERT_TRUE(Live({"one", "two"}).ok());
  Copy("ledger", "old");
  ASSERT_TRUE(Live({"three"}).ok());
  Copy("ledger", "new");
  Copy("old", "ledger");
  EXPECT_EQ(Live({}).code(), absl::StatusCode::kDataLoss);
  Copy("new", "ledger");
  EXPECT_TRUE(Live({}).ok());
}

// Clause: P1.3c
TEST_F(LedgerTamperingTest, AForkIsRefused) {
  ASSERT_TRUE(Live({"one", "two"}).ok());
  Copy("ledger", "old");
  Copy("checkpoint", "old-checkpoint");
  ASSERT_TRUE(Live({"three"}).ok());
  Copy("checkpoint", "new-checkpoint");
  // The other way on from the old copy, as long and longer.
  Copy("old", "ledger");
  Copy("old-checkpoint", "checkpoint");
  ASSERT_TRUE(Live({"another three"}).ok());
  Copy("new-checkpoint", "checkpoint");
  EXPECT_EQ(Live({}).code(), absl::StatusCode::kDataLoss);
  Copy("old-checkpoint", "checkpoint");
  ASSERT_TRUE(Live({"four"}).ok());
  Copy("new-checkpoint", "checkpoint");
  EXPECT_EQ(Live({}).code(), absl::StatusCode::kDataLoss);
}

// Clause: P1.3c
TEST_F(LedgerTamperingTest, WhatWasAlteredBeforeItWasSignedIsNeverSigned) {
  ASSERT_TRUE(Live({"one", "two"}).ok());
  AppendUnsigned({"three", "four", "five"});
  const std::string before = ReadWholeFile(Path("checkpoint"));
  {
    // By somebody who knows how to make a page fit.
    const storage::PageChecksums pages("");
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open_v2(Path("ledger/ledger.db").c_str(), &db, SQLITE_OPEN_READWRITE, pages.name().c_str()),
              SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, "UPDATE audit_leaf SET leaf = x'00' WHERE leaf_index = 3", nullptr, nullptr, nullptr),
              SQLITE_OK);
    EXPECT_EQ(sqlite3_changes(db), 1);
    sqlite3_close(db);
  }
  const absl::Status published = Live({});
  EXPECT_EQ(published.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(published.message(), ::testing::HasSubstr("are not those that were committed"));
  EXPECT_EQ(ReadWholeFile(Path("checkpoint")), before);
}

TEST_F(LedgerTamperingTest, ACheckpointFileThatIsGoneIsMissed) {
  ASSERT_TRUE(Live({}).ok()) << "nothing was published yet";
  ASSERT_TRUE(Live({"one"}).ok());
  fs::remove(Path("checkpoint"));
  EXPECT_EQ(Live({}).code(), absl::StatusCode::kDataLoss);
}

TEST_F(LedgerTamperingTest, EveryChangedByteOfTheCheckpointFileIsFound) {
  ASSERT_TRUE(Live({"one", "two", "three"}).ok());
  const std::string note = ReadWholeFile(Path("checkpoint"));
  ASSERT_GT(note.size(), 100u);
  storage::SqliteStoreOptions options;
  options.directory = Path("ledger");
  const auto store = storage::OpenSqliteStore(options);
  ASSERT_TRUE(store.ok());
  gateway::CheckpointPublisher publisher(store->get(), signer_.get(), {Path("checkpoint")});
  ASSERT_TRUE(publisher.VerifyLedger().ok());
  for (size_t i = 0; i < note.size(); ++i) {
    std::string changed = note;
    changed[i] = static_cast<char>(changed[i] ^ (1 << (i % 8)));
    WriteWholeFile(Path("checkpoint"), changed);
    EXPECT_EQ(publisher.VerifyLedger().code(), absl::StatusCode::kDataLoss) << "byte " << i;
  }
}

}  // namespace
}  // namespace postern::testing
