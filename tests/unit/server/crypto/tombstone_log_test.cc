// A key store that was put back from a backup, and the log of what was shredded since.
#include "server/crypto/tombstone_log.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "tests/unit/server/crypto/key_store_fixture.h"

namespace postern::crypto {
namespace {

constexpr auto kShredded = v1::ERROR_REASON_KEY_SHREDDED;
constexpr size_t kHeaderSize = 21;
constexpr size_t kEntrySize = 40;

class TombstoneLogTest : public KeyStoreFixture {
 protected:
  TombstoneLogTest() {
    Reopen();
    log_path_ = options_.path + ".tombstones";
    options_.create_if_missing = false;
  }

  KeyId Make(absl::string_view name) { return Ensure(Ask(name))->id; }

  // A copy of every file of the key store, the log apart.
  void TakeBackup() {
    store_.reset();
    for (const char* suffix : {"", "-wal"}) {
      backup_.push_back({options_.path + suffix, ReadFile(options_.path + suffix)});
    }
    Reopen();
  }
  void Restore() {
    store_.reset();
    for (const auto& [path, bytes] : backup_) Overwrite(path, bytes);
  }
  static void Overwrite(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }
  absl::Status TryOpen() {
    store_.reset();
    absl::StatusOr<std::unique_ptr<KeyStore>> opened = KeyStore::Open(options_);
    if (opened.ok()) store_ = *std::move(opened);
    return opened.status();
  }

  std::string log_path_;
  std::vector<std::pair<std::string, std::string>> backup_;
};

// Towards: P1.5c
TEST_F(TombstoneLogTest, ABackupBringsNoShreddedKeyBack) {
  const KeyId early = Make("early");
  const KeyId alice = Make("alice");
  const KeyId bob = Make("bob");
  ASSERT_TRUE(store_->Shred({early}, now_).ok());
  TakeBackup();
  const KeyId late = Make("late");
  ASSERT_TRUE(store_->Shred({alice, late}, now_).ok());
  ASSERT_TRUE(store_->Shred({alice.WithIncarnation(1)}, now_ + absl::Hours(1)).ok());
  const std::vector<KeyTombstone> true_ones = *store_->ListTombstones(0, 100);

  Restore();
  ASSERT_TRUE(TryOpen().ok());
  EXPECT_EQ(store_->shredded_again(), 3u);
  for (const KeyId& id : {early, alice, late, alice.WithIncarnation(1)}) {
    EXPECT_EQ(ReasonOf(store_->Get(id).status()), kShredded) << id.ToHex();
  }
  EXPECT_EQ(ReasonOf(Ensure(Ask("late")).status()), kShredded);
  EXPECT_TRUE(store_->Get(bob).ok());
  const std::vector<KeyTombstone> replayed = *store_->ListTombstones(0, 100);
  ASSERT_EQ(replayed.size(), true_ones.size());
  for (size_t i = 0; i < replayed.size(); ++i) {
    EXPECT_EQ(replayed[i].id, true_ones[i].id);
    EXPECT_EQ(replayed[i].shredded_at, true_ones[i].shredded_at);
  }
  // Once is enough, and new shreds go on from there.
  ASSERT_TRUE(TryOpen().ok());
  EXPECT_EQ(store_->shredded_again(), 0u);
  ASSERT_TRUE(store_->Shred({bob}, now_).ok());
  ASSERT_TRUE(TryOpen().ok());
  EXPECT_EQ(ReasonOf(store_->Get(bob).status()), kShredded);
}

TEST_F(TombstoneLogTest, ManyAreReplayedInSteps) {
  std::vector<KeyId> ids;
  for (int i = 0; i < 2500; ++i) ids.push_back(KeyId(KeyKind::kOrder, KeyRealm::kStandard, Sha256(absl::StrCat(i)), 0));
  const KeyId living = Make("living");
  TakeBackup();
  ASSERT_TRUE(store_->Shred(ids, now_).ok());
  Restore();
  ASSERT_TRUE(TryOpen().ok());
  EXPECT_EQ(store_->shredded_again(), 2500u);
  EXPECT_EQ(ReasonOf(store_->Get(ids.back()).status()), kShredded);
  EXPECT_TRUE(store_->Get(living).ok());
}

TEST_F(TombstoneLogTest, ACrashBetweenStoreAndLogIsMadeGood) {
  const KeyId alice = Make("alice");
  const KeyId bob = Make("bob");
  ASSERT_TRUE(store_->Shred({alice}, now_).ok());
  const std::string before = ReadFile(log_path_);
  ASSERT_TRUE(store_->Shred({bob}, now_).ok());
  const std::string after = ReadFile(log_path_);
  ASSERT_EQ(after.size(), before.size() + kEntrySize);
  // Nothing of the second was written, a part of it, or bytes that are none of it.
  const std::string torn[] = {before, after.substr(0, after.size() - 1), before + std::string(kEntrySize, '\0')};
  for (const std::string& bytes : torn) {
    store_.reset();
    Overwrite(log_path_, bytes);
    ASSERT_TRUE(TryOpen().ok());
    EXPECT_EQ(store_->shredded_again(), 0u);
    EXPECT_EQ(ReadFile(log_path_), after);
  }
}

// A write of several pages may be torn in its middle.
TEST_F(TombstoneLogTest, AHoleThatTheStoreCanFillIsFilled) {
  std::vector<KeyId> ids;
  for (int i = 0; i < 300; ++i) ids.push_back(KeyId(KeyKind::kOrder, KeyRealm::kStandard, Sha256(absl::StrCat(i)), 0));
  ASSERT_TRUE(store_->Shred(ids, now_).ok());
  store_.reset();
  const std::string log = ReadFile(log_path_);
  std::string torn = log;
  std::fill_n(torn.begin() + static_cast<ptrdiff_t>(kHeaderSize + 10 * kEntrySize), 100 * kEntrySize, '\0');
  Overwrite(log_path_, torn);
  ASSERT_TRUE(TryOpen().ok());
  EXPECT_EQ(ReadFile(log_path_), log);
}

// Nobody was told of a shred whose entry was never whole; a store that is older still takes the others.
TEST_F(TombstoneLogTest, ATornEndDoesNotKeepABackupOut) {
  const KeyId alice = Make("alice");
  const KeyId bob = Make("bob");
  TakeBackup();
  ASSERT_TRUE(store_->Shred({alice}, now_).ok());
  const std::string mark = ReadFile(options_.path + ".tombstone-mark");
  ASSERT_TRUE(store_->Shred({bob}, now_).ok());
  Overwrite(options_.path + ".tombstone-mark", mark);  // the crash came before it was moved
  std::string log = ReadFile(log_path_);
  log.back() = static_cast<char>(log.back() ^ 1);
  Restore();
  Overwrite(log_path_, log);
  ASSERT_TRUE(TryOpen().ok());
  EXPECT_EQ(store_->shredded_again(), 1u);
  EXPECT_EQ(ReasonOf(store_->Get(alice).status()), kShredded);
  EXPECT_TRUE(store_->Get(bob).ok());
}

TEST_F(TombstoneLogTest, AKeyThatIsNamedTwiceIsShreddedOnce) {
  const KeyId alice = Make("alice");
  ASSERT_TRUE(store_->Shred({alice, alice}, now_).ok());
  EXPECT_EQ(store_->ListTombstones(0, 10)->size(), 1u);
}

// Towards: P1.5c
TEST_F(TombstoneLogTest, ACopyOfAStoreInUseHoldsWhatLivesAndNothingThatWasShreddedMeanwhile) {
  std::vector<KeyHandle> keys;
  for (int i = 0; i < 300; ++i) keys.push_back(*Ensure(Ask(absl::StrCat(i))));
  const std::string copy = directory_.File("copy.db");
  bool shredded = false;
  const absl::Status copied = store_->BackUp(copy, [&](int64_t done, int64_t all) {
    EXPECT_LE(done, all);
    if (!shredded) {
      EXPECT_TRUE(store_->Shred({keys[5].id}, now_).ok());
      EXPECT_TRUE(store_->Scrub().ok());
      EXPECT_TRUE(Ensure(Ask("made meanwhile")).ok());
      shredded = true;
    }
    return true;
  });
  ASSERT_TRUE(copied.ok()) << copied;
  store_.reset();
  std::filesystem::copy_file(log_path_, copy + ".tombstones");
  options_.path = copy;
  ASSERT_TRUE(TryOpen().ok());
  EXPECT_TRUE(store_->Get(keys[6].id)->secret->Equals(*keys[6].secret));
  EXPECT_EQ(ReasonOf(store_->Get(keys[5].id).status()), kShredded);
  EXPECT_TRUE(absl::IsAlreadyExists(store_->BackUp(copy, [](int64_t, int64_t) { return true; })));
}

TEST_F(TombstoneLogTest, ABackupThatIsEndedLeavesNothing) {
  const std::string copy = directory_.File("copy.db");
  EXPECT_TRUE(absl::IsCancelled(store_->BackUp(copy, [](int64_t, int64_t) { return false; })));
  EXPECT_FALSE(std::filesystem::exists(copy));
}

// Towards: P1.5c
TEST_F(TombstoneLogTest, ALogThatWasCutBetweenTwoEntriesIsNoticed) {
  const KeyId alice = Make("alice");
  const KeyId bob = Make("bob");
  const KeyId carol = Make("carol");
  ASSERT_TRUE(store_->Shred({carol}, now_).ok());
  const std::string log_of_backup = ReadFile(log_path_);
  TakeBackup();
  ASSERT_TRUE(store_->Shred({alice}, now_).ok());
  ASSERT_TRUE(store_->Shred({bob}, now_).ok());
  Restore();
  const std::string log = ReadFile(log_path_);
  ASSERT_EQ(log.size(), kHeaderSize + 3 * kEntrySize);
  // The last alone, all that the backup lacks (a copy of the same age), and everything.
  for (const std::string& cut : {log.substr(0, log.size() - kEntrySize), log_of_backup, log.substr(0, kHeaderSize)}) {
    Overwrite(log_path_, cut);
    const absl::Status opened = TryOpen();
    EXPECT_TRUE(absl::IsDataLoss(opened)) << cut.size() << ": " << opened;
  }
  Overwrite(log_path_, log);
  ASSERT_TRUE(TryOpen().ok());
  EXPECT_EQ(ReasonOf(store_->Get(alice).status()), kShredded);
  EXPECT_EQ(ReasonOf(store_->Get(bob).status()), kShredded);
}

TEST_F(TombstoneLogTest, WhatTheStoreKnowsMendsALogThatWasCut) {
  const KeyId alice = Make("alice");
  const KeyId bob = Make("bob");
  ASSERT_TRUE(store_->Shred({alice}, now_).ok());
  ASSERT_TRUE(store_->Shred({bob}, now_).ok());
  store_.reset();
  const std::string log = ReadFile(log_path_);
  Overwrite(log_path_, log.substr(0, log.size() - kEntrySize));
  ASSERT_TRUE(TryOpen().ok());
  EXPECT_EQ(ReadFile(log_path_), log);
}

TEST_F(TombstoneLogTest, AnotherHistoryOfTheSameLengthIsNoticed) {
  const KeyId alice = Make("alice");
  const KeyId bob = Make("bob");
  TakeBackup();
  const std::string empty = ReadFile(log_path_);
  ASSERT_TRUE(store_->Shred({alice}, now_).ok());
  const std::string mark = ReadFile(options_.path + ".tombstone-mark");
  Restore();
  Overwrite(log_path_, empty);
  std::filesystem::remove(options_.path + ".tombstone-mark");
  ASSERT_TRUE(TryOpen().ok()) << "nothing is left that says otherwise";
  ASSERT_TRUE(store_->Shred({bob}, now_).ok());
  store_.reset();
  Overwrite(options_.path + ".tombstone-mark", mark);
  EXPECT_TRUE(absl::IsDataLoss(TryOpen()));
  Overwrite(options_.path + ".tombstone-mark", mark.substr(0, mark.size() - 10));
  EXPECT_TRUE(absl::IsDataLoss(TryOpen())) << "a mark that is damaged says nothing";
}

TEST_F(TombstoneLogTest, AStoreWhoseLogIsGoneIsNotOpened) {
  const KeyId alice = Make("alice");
  ASSERT_TRUE(store_->Shred({alice}, now_).ok());
  store_.reset();
  const std::string log = ReadFile(log_path_);
  std::filesystem::remove(log_path_);
  const absl::Status missing = TryOpen();
  EXPECT_TRUE(absl::IsFailedPrecondition(missing)) << missing;
  EXPECT_FALSE(std::filesystem::exists(log_path_));
  // What the message tells an operator to do.
  Overwrite(log_path_, "");
  std::filesystem::permissions(log_path_, std::filesystem::perms(0600));
  ASSERT_TRUE(TryOpen().ok());
  EXPECT_EQ(ReadFile(log_path_), log);
}

TEST_F(TombstoneLogTest, AnExposedOrForeignFileIsRefused) {
  store_.reset();
  const std::string log = ReadFile(log_path_);
  std::filesystem::permissions(log_path_, std::filesystem::perms(0640));
  EXPECT_TRUE(absl::IsFailedPrecondition(TryOpen()));
  std::filesystem::permissions(log_path_, std::filesystem::perms(0600));
  Overwrite(log_path_, "something else entirely, and long enough");
  EXPECT_TRUE(absl::IsFailedPrecondition(TryOpen()));
  Overwrite(log_path_, log);
  EXPECT_TRUE(TryOpen().ok());
}

TEST_F(TombstoneLogTest, AnotherHistoryIsRefused) {
  const KeyId alice = Make("alice");
  const KeyId bob = Make("bob");
  TakeBackup();
  ASSERT_TRUE(store_->Shred({alice}, now_).ok());
  const std::string alices = ReadFile(log_path_);
  Restore();
  Overwrite(log_path_, alices.substr(0, kHeaderSize));
  std::filesystem::remove(options_.path + ".tombstone-mark");  // it would tell at once
  ASSERT_TRUE(TryOpen().ok());
  ASSERT_TRUE(store_->Shred({bob}, now_).ok());
  // The store has shredded bob first, the log says alice.
  store_.reset();
  Overwrite(log_path_, alices);
  EXPECT_TRUE(absl::IsDataLoss(TryOpen()));
}

TEST_F(TombstoneLogTest, EveryDamagedByteBeforeTheLastEntryIsFound) {
  const KeyId alice = Make("alice");
  const KeyId bob = Make("bob");
  TakeBackup();
  ASSERT_TRUE(store_->Shred({alice, bob}, now_).ok());
  const std::string log = ReadFile(log_path_);
  // But for the last entry: one that is not whole at the end was never told to anybody.
  for (size_t at = 0; at < log.size() - kEntrySize; ++at) {
    Restore();
    std::string damaged = log;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    Overwrite(log_path_, damaged);
    EXPECT_FALSE(TryOpen().ok()) << "byte " << at;
  }
  Restore();
  Overwrite(log_path_, log);
  ASSERT_TRUE(TryOpen().ok());
  EXPECT_EQ(store_->shredded_again(), 2u);
}

}  // namespace
}  // namespace postern::crypto
