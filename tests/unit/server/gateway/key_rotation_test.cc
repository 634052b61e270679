#include "server/gateway/key_rotation.h"

#include "absl/strings/str_cat.h"
#include "proto/postern/v1/audit.pb.h"
#include "server/audit/leaf.h"
#include "server/storage/sqlite/sqlite_store.h"
#include "tests/unit/server/crypto/key_store_fixture.h"

namespace postern::gateway {
namespace {

constexpr absl::Duration kDay = absl::Hours(24);

class KeyRotationTest : public crypto::KeyStoreFixture {
 protected:
  void SetUp() override {
    Reopen();
    storage::SqliteStoreOptions options;
    options.directory = directory_.File("ledger");
    auto store = storage::OpenSqliteStore(options);
    ASSERT_TRUE(store.ok()) << store.status();
    ledger_ = *std::move(store);
    clock_now_ = absl::Now();
    NewRotation();
  }
  // As after a restart.
  void NewRotation() {
    KeyRotation::Options options;
    options.clock = [this] { return clock_now_; };
    options.root_keyset_path = options_.root_keyset_path;
    options.minors_root_keyset_path = options_.minors_root_keyset_path;
    rotation_ = std::make_unique<KeyRotation>(store_.get(), ledger_.get(), &log_, options);
  }
  // Numbers of the generations that live, newest first.
  std::vector<int64_t> Living() {
    std::vector<int64_t> numbers;
    const auto list = rotation_->List();
    EXPECT_TRUE(list.ok());
    for (const v1::KeyGeneration& generation : list->generations()) {
      if (!generation.has_destroy_time()) numbers.push_back(generation.number());
    }
    return numbers;
  }
  std::vector<std::string> Actions() {
    std::vector<std::string> actions;
    const auto leaves = ledger_->ReadLeaves(0, 100);
    EXPECT_TRUE(leaves.ok());
    for (const std::string& leaf : *leaves) {
      v1::AuditEntry entry;
      EXPECT_TRUE(entry.ParseFromString(audit::DecodeLeaf(leaf)->metadata));
      actions.push_back(absl::StrCat(entry.details().at("action"), " ", entry.details().at("generation")));
    }
    return actions;
  }

  const base::Logger log_{base::LogLevel::kError};
  absl::Time clock_now_;
  std::unique_ptr<storage::Store> ledger_;
  std::unique_ptr<KeyRotation> rotation_;
};

TEST_F(KeyRotationTest, GenerationsComeAndGoByTheCalendar) {
  const crypto::KeyHandle key = *Ensure(Ask("Anna"));
  ASSERT_TRUE(rotation_->RunOnce().ok());
  EXPECT_EQ(Living(), (std::vector<int64_t>{1}));
  clock_now_ += 91 * kDay;
  ASSERT_TRUE(rotation_->RunOnce().ok());
  EXPECT_EQ(Living(), (std::vector<int64_t>{2, 1}));
  clock_now_ += 29 * kDay;
  ASSERT_TRUE(rotation_->RunOnce().ok());
  EXPECT_EQ(Living(), (std::vector<int64_t>{2, 1}));
  clock_now_ += 2 * kDay;
  ASSERT_TRUE(rotation_->RunOnce().ok());
  EXPECT_EQ(Living(), (std::vector<int64_t>{2}));
  EXPECT_EQ(Actions(), (std::vector<std::string>{"keys.generation_started 2", "keys.generation_destroyed 1"}));
  Reopen();
  EXPECT_TRUE(store_->Get(key.id)->secret->Equals(*key.secret));
}

TEST_F(KeyRotationTest, WhatACrashInterruptedIsTakenUpAgain) {
  const crypto::KeyHandle key = *Ensure(Ask("Anna"));
  ASSERT_TRUE(store_->StartGeneration(clock_now_).ok());  // and nothing was wrapped anew
  rotation_.reset();
  Reopen();
  NewRotation();
  clock_now_ += 31 * kDay;
  ASSERT_TRUE(rotation_->RunOnce().ok());
  EXPECT_EQ(Living(), (std::vector<int64_t>{2}));
  EXPECT_TRUE(store_->Get(key.id)->secret->Equals(*key.secret));
}

TEST_F(KeyRotationTest, ARootVersionGoesWithTheLastGenerationThatItWraps) {
  const crypto::KeyHandle key = *Ensure(Ask("Anna"));
  v1::RotateKeysRequest renew;
  renew.set_renew_roots(true);
  const auto rotated = rotation_->Rotate("operators/alice", renew);
  ASSERT_TRUE(rotated.ok()) << rotated.status();
  EXPECT_EQ(rotated->generation().root_version(), 2);
  EXPECT_EQ(rotated->generation().minors_root_version(), 2);
  ASSERT_TRUE(rotation_->RunOnce().ok());
  EXPECT_NE(crypto::RootKeyset::Load(options_.root_keyset_path)->Find(1), nullptr) << "the old generation lives";
  clock_now_ += 31 * kDay;
  ASSERT_TRUE(rotation_->RunOnce().ok());
  for (const std::string& path : {options_.root_keyset_path, options_.minors_root_keyset_path}) {
    EXPECT_EQ(crypto::RootKeyset::Load(path)->Find(1), nullptr);
  }
  Reopen();
  EXPECT_TRUE(store_->Get(key.id)->secret->Equals(*key.secret));
}

TEST_F(KeyRotationTest, ARootThatDoesNotLoadStartsNothing) {
  std::filesystem::remove(options_.root_keyset_path);
  EXPECT_FALSE(rotation_->Rotate("operators/alice", {}).ok());
  EXPECT_EQ(Living(), (std::vector<int64_t>{1}));
}

}  // namespace
}  // namespace postern::gateway
