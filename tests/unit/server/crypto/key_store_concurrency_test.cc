// Run under ThreadSanitizer too.
#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/crypto/payload_key.h"
#include "server/crypto/uuid7.h"
#include "tests/unit/server/crypto/key_store_fixture.h"

namespace postern::crypto {
namespace {

class KeyStoreConcurrency : public KeyStoreFixture {
 protected:
  KeyStoreConcurrency() {
    options_.cache_capacity = 16;  // small, so that keys are evicted and read again all the time
    Reopen();
  }
};

TEST_F(KeyStoreConcurrency, ThreadsThatAskForOneNameGetOneKey) {
  constexpr int kThreads = 4;
  constexpr int kNames = 60;
  std::vector<std::vector<std::string>> seen(kThreads, std::vector<std::string>(kNames));
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t, &seen] {
      for (int n = 0; n < kNames; n += 4) {
        std::vector<KeyRequest> group;
        for (int i = n; i < n + 4; ++i) group.push_back(Ask(absl::StrCat(i)));
        ASSERT_TRUE(store_->EnsureKeys(absl::MakeSpan(group)).ok());
        for (int i = 0; i < 4; ++i) {
          ASSERT_TRUE(group[i].result.ok());
          seen[t][n + i] = Hex(*group[i].result->secret);
          ASSERT_TRUE(store_->Get(group[i].result->id).ok());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int t = 1; t < kThreads; ++t) EXPECT_EQ(seen[t], seen[0]);
}

// Towards: P1.5c
TEST_F(KeyStoreConcurrency, NoReaderSeesAKeyAfterItsShredHasReturned) {
  constexpr int kNames = 200;
  std::vector<KeyId> ids;
  for (int n = 0; n < kNames; ++n) ids.push_back(Ensure(Ask(absl::StrCat(n)))->id);
  std::atomic<int> shredded_below = 0;
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (int t = 0; t < 3; ++t) {
    readers.emplace_back([&, t] {
      for (int n = t; !done.load(); n = (n + 7) % kNames) {
        const bool gone = n < shredded_below.load();
        const absl::StatusOr<KeyHandle> key = store_->Get(ids[n]);
        if (gone) {
          ASSERT_EQ(ReasonOf(key.status()), v1::ERROR_REASON_KEY_SHREDDED);
        }
        if (!key.ok()) {
          ASSERT_EQ(ReasonOf(key.status()), v1::ERROR_REASON_KEY_SHREDDED) << key.status();
        }
      }
    });
  }
  for (int n = 0; n < kNames; ++n) {
    EXPECT_TRUE(store_->Shred({ids[n]}, now_).ok());
    shredded_below.store(n + 1);
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
}

TEST_F(KeyStoreConcurrency, RotationRunsBesideUse) {
  std::vector<KeyHandle> keys;
  for (int n = 0; n < 100; ++n) keys.push_back(*Ensure(Ask(absl::StrCat(n))));
  std::thread rotation([this] {
    for (int round = 0; round < 3; ++round) {
      const absl::StatusOr<uint32_t> generation = store_->StartGeneration(now_);
      ASSERT_TRUE(generation.ok());
      while (*store_->RewrapSome(20)) {
      }
      ASSERT_TRUE(store_->DestroyGeneration(*generation - 1, now_).ok());
    }
  });
  for (int round = 0; round < 10; ++round) {
    for (const KeyHandle& key : keys) {
      const absl::StatusOr<KeyHandle> read = store_->Get(key.id);
      ASSERT_TRUE(read.ok()) << read.status();
      EXPECT_TRUE(read->secret->Equals(*key.secret));
    }
    EXPECT_TRUE(Ensure(Ask(absl::StrCat("more", round))).ok());
  }
  rotation.join();
}

TEST(CryptoConcurrency, SharedKeysAndGeneratorsServeManyThreads) {
  const HmacKey key(FilledSecret(1));
  const Sha256Digest expected = key.Sign("x");
  const SecretBytes aead_key = FilledSecret(2);
  Uuid7Generator generator;
  std::vector<std::vector<Uuid>> ids(4);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) {
        EXPECT_EQ(key.Sign("x"), expected);
        EXPECT_EQ(*Open(aead_key, {}, "c", *Seal(aead_key, {}, "c", "p")), "p");
        ids[t].push_back(*generator.Next(absl::FromUnixMillis(1700000000000)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<Uuid> all;
  for (const std::vector<Uuid>& some : ids) all.insert(some.begin(), some.end());
  EXPECT_EQ(all.size(), 2000u);
}

}  // namespace
}  // namespace postern::crypto
