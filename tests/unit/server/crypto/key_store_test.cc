#include "server/crypto/key_store.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "tests/unit/server/crypto/key_store_fixture.h"

namespace postern::crypto {
namespace {

constexpr auto kShredded = v1::ERROR_REASON_KEY_SHREDDED;

class KeyStoreTest : public KeyStoreFixture {
 protected:
  KeyStoreTest() { Reopen(); }

  // Every file of the store, the root keysets apart.
  std::string StoreBytes() const {
    std::string bytes;
    for (const char* suffix : {"", "-wal", "-shm", "-journal"}) bytes += ReadFile(options_.path + suffix);
    return bytes;
  }
};

TEST_F(KeyStoreTest, FindsTheSameKeyAgainAlsoAfterReopening) {
  const KeyHandle key = *Ensure(Ask("alice"));
  EXPECT_EQ(key.secret->size(), 32u);
  EXPECT_EQ(key.id.kind(), KeyKind::kSubject);
  EXPECT_TRUE(Ensure(Ask("alice"))->secret->Equals(*key.secret));
  const Sha256Digest digest = store_->index_key().Sign("x");
  Reopen();
  EXPECT_EQ(Ensure(Ask("alice"))->id, key.id);
  EXPECT_TRUE(store_->Get(key.id)->secret->Equals(*key.secret));
  EXPECT_EQ(*store_->Find(KeyKind::kSubject, KeyRealm::kStandard, Sha256("alice")), key.id);
  EXPECT_EQ(store_->index_key().Sign("x"), digest);
}

TEST_F(KeyStoreTest, OneGroupGivesEqualRequestsOneKeyAndOthersTheirOwn) {
  KeyRequest requests[] = {Ask("a"), Ask("b"), Ask("a"), Ask("a", KeyKind::kOrder),
                           Ask("a", KeyKind::kSubject, KeyRealm::kMinors)};
  ASSERT_TRUE(store_->EnsureKeys(absl::MakeSpan(requests)).ok());
  EXPECT_EQ(requests[0].result->id, requests[2].result->id);
  EXPECT_TRUE(requests[0].result->secret->Equals(*requests[2].result->secret));
  for (size_t other : {1, 3, 4}) {
    EXPECT_NE(requests[0].result->id, requests[other].result->id);
    EXPECT_FALSE(requests[0].result->secret->Equals(*requests[other].result->secret));
  }
}

TEST_F(KeyStoreTest, UnknownKeysAreNotFound) {
  const KeyId id(KeyKind::kOrder, KeyRealm::kStandard, Sha256("nobody"), 0);
  EXPECT_TRUE(absl::IsNotFound(store_->Get(id).status()));
  EXPECT_TRUE(absl::IsNotFound(store_->Find(KeyKind::kOrder, KeyRealm::kStandard, Sha256("nobody")).status()));
}

// What is closed in one realm must not be opened in the other, and a key that a restore has lost is gone all the same.
TEST_F(KeyStoreTest, ANameWithoutAKeyCanBeBuried) {
  const KeyHandle living = *Ensure(Ask("alice"));
  const KeyId other = living.id.InRealm(KeyRealm::kMinors);
  ASSERT_TRUE(store_->Shred({living.id, other}, now_).ok());
  for (int start = 0; start < 2; ++start) {
    for (const KeyRealm realm : {KeyRealm::kStandard, KeyRealm::kMinors}) {
      KeyRequest request = Ask("alice");
      request.realm = realm;
      EXPECT_EQ(ReasonOf(Ensure(request).status()), v1::ERROR_REASON_KEY_SHREDDED);
    }
    EXPECT_EQ(ReasonOf(store_->Get(other).status()), v1::ERROR_REASON_KEY_SHREDDED);
    Reopen();
  }
}

TEST_F(KeyStoreTest, AnOlderKeyOfTheNameGoesWithALaterOne) {
  const KeyHandle first = *Ensure(Ask("alice"));
  // As in a copy of the file from before the first was shredded and the second made.
  ASSERT_TRUE(store_->Shred({first.id.WithIncarnation(1)}, now_).ok());
  EXPECT_EQ(ReasonOf(store_->Get(first.id).status()), v1::ERROR_REASON_KEY_SHREDDED);
  ASSERT_TRUE(store_->Scrub().ok());
  Reopen();
  EXPECT_EQ(ReasonOf(store_->Get(first.id).status()), v1::ERROR_REASON_KEY_SHREDDED);
}

TEST_F(KeyStoreTest, KeysBeyondTheCacheAreReadAgain) {
  options_.cache_capacity = 2;
  Reopen();
  std::vector<KeyHandle> keys;
  for (int i = 0; i < 10; ++i) keys.push_back(*Ensure(Ask(absl::StrCat(i))));
  for (const KeyHandle& key : keys) EXPECT_TRUE(store_->Get(key.id)->secret->Equals(*key.secret));
}

// Towards: P1.5c
TEST_F(KeyStoreTest, ShreddedIsShreddedForEver) {
  const KeyHandle key = *Ensure(Ask("alice"));
  const KeyHandle other = *Ensure(Ask("bob"));
  ASSERT_TRUE(store_->Shred({key.id}, now_).ok());
  ASSERT_TRUE(store_->Shred({key.id}, now_).ok()) << "again is no error";
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(ReasonOf(store_->Get(key.id).status()), kShredded);
    EXPECT_EQ(ReasonOf(store_->Find(KeyKind::kSubject, KeyRealm::kStandard, Sha256("alice")).status()), kShredded);
    KeyRequest requests[] = {Ask("alice"), Ask("bob"), Ask(absl::StrCat("new", round))};
    ASSERT_TRUE(store_->EnsureKeys(absl::MakeSpan(requests)).ok());
    EXPECT_EQ(ReasonOf(requests[0].result.status()), kShredded);
    EXPECT_TRUE(requests[1].result->secret->Equals(*other.secret));
    EXPECT_TRUE(requests[2].result.ok());
    const std::vector<KeyTombstone> tombstones = *store_->ListTombstones(0, 10);
    ASSERT_EQ(tombstones.size(), 1u);
    EXPECT_EQ(tombstones[0].id, key.id);
    EXPECT_EQ(tombstones[0].shredded_at, now_);
    EXPECT_EQ(tombstones[0].last_generation, 1u);
    EXPECT_TRUE(store_->ListTombstones(tombstones[0].sequence, 10)->empty());
    Reopen();
  }
}

TEST_F(KeyStoreTest, AReturningNameGetsANewKeyOnlyWhereAllowed) {
  const KeyHandle old = *Ensure(Ask("alice"));
  ASSERT_TRUE(store_->Shred({old.id}, now_).ok());
  KeyRequest returning = Ask("alice");
  returning.allow_new_after_shred = true;
  const KeyHandle fresh = *Ensure(returning);
  EXPECT_NE(fresh.id, old.id);
  EXPECT_FALSE(fresh.secret->Equals(*old.secret));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(ReasonOf(store_->Get(old.id).status()), kShredded);
    EXPECT_EQ(Ensure(Ask("alice"))->id, fresh.id);
    ASSERT_TRUE(store_->Shred({old.id}, now_).ok());
    EXPECT_TRUE(store_->Get(fresh.id).ok()) << "shredding the old key again spares the new one";
    Reopen();
  }
}

// Towards: P1.3e
TEST_F(KeyStoreTest, NoUnwrappedKeyIsEverOnDiskAndNoWrappedOneAfterAShred) {
  constexpr int kKeys = 600;
  std::vector<KeyRequest> requests;
  for (int i = 0; i < kKeys; ++i)
    requests.push_back(Ask(absl::StrCat(i), i % 3 == 0 ? KeyKind::kOrder : KeyKind::kSubject));
  ASSERT_TRUE(store_->EnsureKeys(absl::MakeSpan(requests)).ok());
  const std::string before = StoreBytes();
  std::vector<std::string> secrets;
  for (const KeyRequest& request : requests) {
    secrets.emplace_back(request.result->secret->Reveal(SecretAccess::Granted()));
    EXPECT_EQ(before.find(secrets.back()), std::string::npos);
  }

  // What is stored for each key, read by SQLite itself from a closed store.
  store_.reset();
  std::map<std::string, std::string> wrapped;
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open_v2(options_.path.c_str(), &db, SQLITE_OPEN_READWRITE, nullptr), SQLITE_OK);
  sqlite3_stmt* select = nullptr;
  ASSERT_EQ(sqlite3_prepare_v2(db, "SELECT ids, wrapped FROM key_blocks", -1, &select, nullptr), SQLITE_OK);
  const auto column = [&](int i) {
    return std::string(static_cast<const char*>(sqlite3_column_blob(select, i)), sqlite3_column_bytes(select, i));
  };
  while (sqlite3_step(select) == SQLITE_ROW) {
    for (size_t i = 0; i < column(0).size() / 16; ++i) {
      wrapped[column(0).substr(16 * i, 16)] = column(1).substr(24 + 32 * i, 32);
    }
  }
  sqlite3_finalize(select);
  sqlite3_close(db);
  ASSERT_EQ(wrapped.size(), kKeys + 1u) << "the index key too";

  Reopen();
  std::vector<KeyId> victims;
  for (int i = 0; i < kKeys; i += 2) victims.push_back(requests[i].result->id);
  for (const KeyId& id : victims) EXPECT_NE(before.find(wrapped.at(std::string(id.AsBytes()))), std::string::npos);
  ASSERT_TRUE(store_->Shred(victims, now_).ok());
  ASSERT_TRUE(store_->Scrub().ok());
  const std::string after = StoreBytes();
  for (const KeyId& id : victims) EXPECT_EQ(after.find(wrapped.at(std::string(id.AsBytes()))), std::string::npos);
  for (const std::string& secret : secrets) EXPECT_EQ(after.find(secret), std::string::npos);
  Reopen();
  for (int i = 0; i < kKeys; ++i) {
    const absl::StatusOr<KeyHandle> key = store_->Get(requests[i].result->id);
    ASSERT_EQ(key.ok(), i % 2 == 1) << key.status();
    if (key.ok()) {
      EXPECT_TRUE(key->secret->Equals(*requests[i].result->secret));
    }
  }
}

// Towards: P1.5c
TEST_F(KeyStoreTest, KeysMadeTogetherGoOneByOne) {
  options_.cache_capacity = 0;
  Reopen();
  std::vector<KeyRequest> requests;
  for (int i = 0; i < 200; ++i) {
    requests.push_back(Ask(absl::StrCat(i), KeyKind::kSubject, static_cast<KeyRealm>(i % 5 == 0)));
  }
  ASSERT_TRUE(store_->EnsureKeys(absl::MakeSpan(requests)).ok());
  for (size_t gone = 0; gone < requests.size(); ++gone) {
    ASSERT_TRUE(store_->Shred({requests[gone].result->id}, now_).ok());
    if (gone % 40 == 7) Reopen();
    for (size_t i = 0; i < requests.size(); i += 9) {
      const absl::StatusOr<KeyHandle> key = store_->Get(requests[i].result->id);
      if (i <= gone) {
        ASSERT_EQ(ReasonOf(key.status()), kShredded);
      } else {
        ASSERT_TRUE(key.ok() && key->secret->Equals(*requests[i].result->secret)) << key.status();
      }
    }
  }
  EXPECT_EQ(store_->ListTombstones(0, 1000)->size(), requests.size());
}

TEST_F(KeyStoreTest, AStoredKeyCannotStandInForAnother) {
  const KeyId first = Ensure(Ask("a"))->id;
  const KeyId second = Ensure(Ask("b"))->id;
  const KeyId third = Ensure(Ask("c"))->id;
  store_.reset();
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(options_.path.c_str(), &db), SQLITE_OK);
  ASSERT_EQ(
      sqlite3_exec(
          db,
          "UPDATE key_blocks SET wrapped = (SELECT wrapped FROM key_blocks WHERE sequence = 3) WHERE sequence = 2;"
          "UPDATE key_blocks SET wrapped = zeroblob(72) WHERE sequence = 4;",
          nullptr, nullptr, nullptr),
      SQLITE_OK);
  sqlite3_close(db);
  Reopen();
  EXPECT_TRUE(absl::IsDataLoss(store_->Get(first).status()));
  EXPECT_TRUE(store_->Get(second).ok());
  EXPECT_TRUE(absl::IsDataLoss(store_->Get(third).status()));

  // Who asks for a damaged key fails alone.
  std::vector<KeyRequest> requests = {Ask("b"), Ask("c"), Ask("d")};
  ASSERT_TRUE(store_->EnsureKeys(absl::MakeSpan(requests)).ok());
  EXPECT_EQ(requests[0].result->id, second);
  EXPECT_TRUE(absl::IsDataLoss(requests[1].result.status()));
  EXPECT_TRUE(requests[2].result.ok());
  ASSERT_TRUE(store_->Shred({first}, now_).ok()) << "and what is damaged can be shredded";
  EXPECT_EQ(ReasonOf(store_->Get(first).status()), kShredded);
}

// A version that is removed through a link would stay in the file behind it.
TEST_F(KeyStoreTest, ARootKeysetIsNoLink) {
  const std::string behind = options_.root_keyset_path + ".behind";
  ASSERT_EQ(rename(options_.root_keyset_path.c_str(), behind.c_str()), 0);
  ASSERT_EQ(symlink(behind.c_str(), options_.root_keyset_path.c_str()), 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(RootKeyset::Load(options_.root_keyset_path).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(RootKeyset::AddVersion(options_.root_keyset_path)));
  EXPECT_TRUE(RootKeyset::Load(behind).ok());
}

TEST_F(KeyStoreTest, GenerationsReplaceEachOther) {
  std::vector<KeyHandle> keys;
  for (int i = 0; i < 25; ++i)
    keys.push_back(*Ensure(Ask(absl::StrCat(i), KeyKind::kOrder, static_cast<KeyRealm>(i % 2))));
  ASSERT_TRUE(store_->Shred({keys[0].id}, now_).ok());
  for (const std::string& path : {options_.root_keyset_path, options_.minors_root_keyset_path}) {
    ASSERT_TRUE(RootKeyset::AddVersion(path).ok());
  }
  EXPECT_FALSE(*store_->IsFinal(1));
  EXPECT_EQ(*store_->StartGeneration(now_), 2u);
  EXPECT_EQ(store_->LivingGenerations(), (std::vector<uint32_t>{1, 2}));
  EXPECT_TRUE(absl::IsFailedPrecondition(store_->DestroyGeneration(1, now_)));
  EXPECT_TRUE(absl::IsFailedPrecondition(store_->DestroyGeneration(2, now_)));

  int steps = 0;
  while (*store_->RewrapSome(10)) ++steps;
  EXPECT_EQ(steps, 3) << "25 keys and the index key, each in a block of its own";
  ASSERT_TRUE(store_->DestroyGeneration(1, now_).ok());
  EXPECT_FALSE(*store_->IsFinal(1)) << "an old copy of the file and today's keysets would bring the key back";
  for (const std::string& path : {options_.root_keyset_path, options_.minors_root_keyset_path}) {
    ASSERT_TRUE(RootKeyset::RemoveVersion(path, 1).ok());
    EXPECT_TRUE(absl::IsFailedPrecondition(RootKeyset::RemoveVersion(path, 2)));
  }
  EXPECT_TRUE(*store_->IsFinal(1));
  EXPECT_FALSE(*store_->IsFinal(2));
  Reopen();
  EXPECT_EQ(store_->LivingGenerations(), (std::vector<uint32_t>{2}));
  const std::vector<KeyGeneration> generations = *store_->ListGenerations();
  ASSERT_EQ(generations.size(), 2u);
  EXPECT_EQ(generations[0].number, 2u);
  EXPECT_EQ(generations[0].created, now_);
  EXPECT_EQ(generations[0].destroyed, absl::InfiniteFuture());
  EXPECT_EQ(generations[0].root_version, 2u);
  EXPECT_EQ(generations[1].destroyed, now_);
  EXPECT_EQ(generations[1].minors_root_version, 1u);
  EXPECT_EQ(ReasonOf(store_->Get(keys[0].id).status()), kShredded);
  for (size_t i = 1; i < keys.size(); ++i) EXPECT_TRUE(store_->Get(keys[i].id)->secret->Equals(*keys[i].secret));
}

// A copy of the store from after a renewal may hold, under the new root, a key that is destroyed in a store that was
// put back from before it.
TEST_F(KeyStoreTest, AfterARestoreFromBeforeARenewalNothingIsFinalWhileTheNewRootLives) {
  const auto start_generation = [&] {
    ASSERT_TRUE(store_->StartGeneration(now_).ok());
    while (*store_->RewrapSome(100)) {
    }
  };
  const auto destroy_older = [&] {
    const std::vector<uint32_t> living = store_->LivingGenerations();
    for (const uint32_t generation : living) {
      if (generation == living.back()) continue;
      ASSERT_TRUE(store_->DestroyGeneration(generation, now_).ok());
    }
  };
  const std::string paths[] = {options_.root_keyset_path, options_.minors_root_keyset_path};
  const KeyId alice = Ensure(Ask("alice"))->id;
  store_.reset();
  const std::string before = ReadFile(options_.path);
  Reopen();
  for (const std::string& path : paths) ASSERT_TRUE(RootKeyset::AddVersion(path).ok());
  start_generation();
  store_.reset();
  ::unlink((options_.path + "-wal").c_str());
  WriteFile(options_.path, before);

  Reopen();
  ASSERT_TRUE(store_->Shred({alice}, now_).ok());
  const uint32_t last = store_->ListTombstones(0, 1)->at(0).last_generation;
  start_generation();
  destroy_older();
  for (const std::string& path : paths) ASSERT_TRUE(RootKeyset::RemoveVersion(path, 1).ok());
  EXPECT_FALSE(*store_->IsFinal(last)) << "the key is readable in a copy of the store that was lost";
  for (const std::string& path : paths) ASSERT_TRUE(RootKeyset::AddVersion(path).ok());
  start_generation();
  destroy_older();
  for (const std::string& path : paths) ASSERT_TRUE(RootKeyset::RemoveVersion(path, 2).ok());
  EXPECT_TRUE(*store_->IsFinal(last));
}

TEST_F(KeyStoreTest, BelongsToOneLedger) {
  options_.ledger = "ledger one";
  Reopen();
  const KeyId key = Ensure(Ask("Anna"))->id;
  store_.reset();
  options_.ledger = "ledger two";
  EXPECT_EQ(KeyStore::Open(options_).status().code(), absl::StatusCode::kFailedPrecondition);
  options_.ledger = "";
  Reopen();
  EXPECT_TRUE(store_->Get(key).ok()) << "tools that know no ledger are not asked for one";
  options_.ledger = "ledger one";
  Reopen();
  EXPECT_TRUE(store_->Get(key).ok());
}

// Towards: W6c
TEST_F(KeyStoreTest, MinorsKeysHangFromTheirOwnRoot) {
  ASSERT_TRUE(Ensure(Ask("child", KeyKind::kSubject, KeyRealm::kMinors)).ok());
  store_.reset();
  std::filesystem::remove(options_.minors_root_keyset_path);
  ASSERT_TRUE(RootKeyset::CreateFile(options_.minors_root_keyset_path).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(KeyStore::Open(options_).status()));
  options_.minors_root_keyset_path = options_.root_keyset_path;
  EXPECT_EQ(KeyStore::Open(options_).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace postern::crypto
