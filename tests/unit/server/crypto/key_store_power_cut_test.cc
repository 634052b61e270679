// Power goes at any change of the disk: no key that was given out may be missing or changed, none that was shredded may
// come back.
#include <map>
#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "tests/disk/simulated_disk.h"
#include "tests/unit/server/crypto/key_store_fixture.h"

namespace postern::crypto {
namespace {

using ::postern::testing::DiskFault;
using ::postern::testing::SimulatedDisk;

class KeyStorePowerCut : public KeyStoreFixture {
 protected:
  KeyStorePowerCut() { options_.name_batch = 20; }  // so that names are written now and then

  static KeyId IdOf(int name) { return KeyId(KeyKind::kOrder, KeyRealm::kStandard, Sha256(absl::StrCat(name)), 0); }

  // Makes and shreds keys until power is lost, or, unless it is to carry on, the first failure.
  void Work(bool carry_on) {
    absl::StatusOr<std::unique_ptr<KeyStore>> opened = KeyStore::Open(options_);
    if (!opened.ok()) return;
    KeyStore& store = **opened;
    const auto stop = [&] { return disk_.off() || !carry_on; };
    // Background work may have met the fault, and then nothing fails here.
    for (int i = 0; !disk_.off() && (carry_on || !disk_.fired()); ++i) {
      std::vector<KeyRequest> requests;
      const int first = next_;
      for (int j = 0; j < 5; ++j) requests.push_back(Ask(absl::StrCat(next_++), KeyKind::kOrder));
      if (!store.EnsureKeys(absl::MakeSpan(requests)).ok()) {
        if (stop()) return;
        continue;
      }
      for (int j = 0; j < 5; ++j) {
        ASSERT_TRUE(requests[static_cast<size_t>(j)].result.ok());
        given_[first + j] = Sha256(requests[static_cast<size_t>(j)].result->secret->Reveal(SecretAccess::Granted()));
      }
      if (i % 3 != 0) continue;
      shredding_.insert(first);
      const absl::Status shredded = store.Shred({IdOf(first)}, now_);
      if (shredded.ok()) shredded_.insert(first);
      if ((!shredded.ok() || (i % 6 == 0 && !store.Scrub().ok())) && stop()) return;
    }
  }

  void ExpectNothingLost() {
    Reopen();
    // The log is not on the disk that was cut: had the store lost a shred, it would have been told again.
    EXPECT_EQ(store_->shredded_again(), 0u);
    for (const auto& [name, secret] : given_) {
      const absl::StatusOr<KeyHandle> key = store_->Get(IdOf(name));
      if (key.ok()) {
        EXPECT_FALSE(shredded_.contains(name)) << name;
        EXPECT_EQ(Sha256(key->secret->Reveal(SecretAccess::Granted())), secret) << name;
      } else {
        EXPECT_EQ(ReasonOf(key.status()), v1::ERROR_REASON_KEY_SHREDDED) << name << ": " << key.status();
        // A shred that nobody was told of may have come true.
        EXPECT_TRUE(shredded_.contains(name) || shredding_.contains(name)) << name;
        shredded_.insert(name);
      }
    }
    store_.reset();
  }

  SimulatedDisk disk_{23};
  std::mt19937_64 random_{29};
  int next_ = 1;
  std::map<int, Sha256Digest> given_;
  std::set<int> shredding_;  // asked for
  std::set<int> shredded_;   // and told
};

TEST_F(KeyStorePowerCut, NoKeyIsLostAndNoneComesBack) {
  for (int round = 0; round < 40; ++round) {
    SCOPED_TRACE(round);
    disk_.CutPowerAt(1 + static_cast<int>(random_() % (round % 2 == 0 ? 30 : 200)));
    Work(/*carry_on=*/false);
    EXPECT_TRUE(disk_.off());
    ASSERT_TRUE(disk_.RestorePower());
    ExpectNothingLost();
  }
  EXPECT_GT(given_.size(), 200u);
  EXPECT_GT(shredded_.size(), 20u);
}

// The worst that an fsync can do: it fails, its pages are clean from then on, and later ones succeed without them. The
// process carries on, or another one takes over from the page cache; then power goes.
TEST_F(KeyStorePowerCut, WhatAFailedSyncLeftInThePageCacheIsNotBuiltUpon) {
  for (int round = 0; round < 40; ++round) {
    SCOPED_TRACE(round);
    DiskFault fault{SQLITE_IOERR_FSYNC};
    fault.only = "sync";
    disk_.FailAt(1 + static_cast<int>(random_() % 10), fault);
    const bool carry_on = round % 2 == 0;
    if (carry_on) disk_.CutPowerAt(20 + static_cast<int>(random_() % 60));
    Work(carry_on);
    disk_.Heal();
    if (!carry_on) {
      disk_.CutPowerAt(1 + static_cast<int>(random_() % 60));
      Work(carry_on);
    }
    EXPECT_TRUE(disk_.off());
    ASSERT_TRUE(disk_.RestorePower());
    ExpectNothingLost();
  }
  EXPECT_GT(given_.size(), 200u);
}

}  // namespace
}  // namespace postern::crypto
