// What is left on the disk, in every file of the gateway (ledger, key store, index, runs of names, write-ahead logs),
// and what opens it, after an erasure and after the end of an order's terms. That a shredded key's wrapped bytes leave
// the key store's files is the key store's own test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/errors/error.h"
#include "server/crypto/key_id.h"
#include "tests/integration/lifecycle/world.h"

namespace postern::lifecycle {
namespace {

using ::testing::SizeIs;

class BytesTest : public ::testing::Test {
 protected:
  // The sealed records that wait for the carrier, as they are stored.
  std::vector<std::string> Sealed() {
    std::vector<std::string> sealed;
    const auto partners = world_.core().store->ListPartners();
    EXPECT_TRUE(partners.ok());
    for (const storage::PartnerRow& partner : *partners) {
      const auto backlog = world_.core().store->ReadBacklog(partner.id, 0, 100, 1 << 20);
      EXPECT_TRUE(backlog.ok());
      for (const storage::PendingPayload& payload : *backlog) sealed.push_back(payload.sealed_payload);
    }
    return sealed;
  }
  // Whether all keys live that seal a record. SQLite may leave a copy of a deleted row in the unused part of a page
  // that it has split; without one of its keys that copy is noise.
  bool Opens(const std::vector<crypto::Uuid>& keys) {
    for (const crypto::Uuid& stored : keys) {
      const auto id = crypto::KeyId::FromBytes(stored.AsBytes());
      EXPECT_TRUE(id.ok());
      const absl::Status found = world_.core().keys->Get(*id).status();
      if (ReasonOf(found) == v1::ERROR_REASON_KEY_SHREDDED) return false;
      EXPECT_TRUE(found.ok()) << found;
    }
    return true;
  }
  std::vector<crypto::Uuid> KeysOfFirstPending() {
    const auto partners = world_.core().store->ListPartners();
    EXPECT_TRUE(partners.ok());
    for (const storage::PartnerRow& partner : *partners) {
      const auto backlog = world_.core().store->ReadBacklog(partner.id, 0, 1, 1 << 20);
      EXPECT_TRUE(backlog.ok());
      if (!backlog->empty()) return backlog->front().key_ids;
    }
    ADD_FAILURE() << "nothing waits";
    return {};
  }
  // The store gives up deleted bytes in the background.
  bool Leaves(const std::string& bytes) {
    for (int i = 0; i < 200; ++i) {
      if (!world_.FilesHold(bytes)) return true;
      absl::SleepFor(absl::Milliseconds(50));
    }
    return false;
  }
  void ExpectNobodyIsNamed() {
    for (const char* text : {"person-1", "person-2", "The people next door", "Street 1", "guardian-1"}) {
      EXPECT_FALSE(world_.FilesHold(text)) << text;
    }
  }

  World world_;
};

// Clause: P1.5c
TEST_F(BytesTest, AfterAnErasureNothingOpensARecordOfThePersonAndNoFileNamesAnybody) {
  world_.LinkGuardian(1, 100);
  ASSERT_EQ(world_.SetConsent(1, true, /*by_guardian=*/true), "");
  ASSERT_EQ(world_.Disclose(1, 1).reason, "");
  world_.Receive(1);
  ASSERT_EQ(world_.Disclose(1, 2).reason, "");
  const std::vector<std::string> hers = Sealed();
  ASSERT_THAT(hers, SizeIs(1)) << "what was acknowledged is no longer kept";
  const std::vector<crypto::Uuid> keys = KeysOfFirstPending();
  ASSERT_TRUE(Opens(keys));
  ASSERT_EQ(world_.Disclose(2, 3).reason, "");
  std::string others = Sealed().at(1);
  ASSERT_TRUE(world_.FilesHold(hers[0])) << "the search finds nothing";
  for (const int order : {1, 2}) world_.CloseAfterSales(order);
  ASSERT_EQ(world_.Erase(1).reason, "");
  EXPECT_FALSE(Opens(keys));
  EXPECT_THAT(Sealed(), ::testing::ElementsAre(others)) << "hers is gone, and no more than was asked for";
  EXPECT_TRUE(world_.FilesHold(others));
  world_.RunBackground();
  ExpectNobodyIsNamed();
  world_.Reopen();
  EXPECT_FALSE(Opens(keys));
  ExpectNobodyIsNamed();
}

// Clause: P1.3e
TEST_F(BytesTest, AfterTheEndOfItsTermsNoFileHoldsASealedRecordOfTheOrder) {
  ASSERT_EQ(world_.Disclose(1, 1).reason, "");
  ASSERT_EQ(world_.Disclose(2, 2).reason, "");
  const std::vector<std::string> sealed = Sealed();
  ASSERT_THAT(sealed, SizeIs(2));
  world_.CloseAfterSales(1);
  world_.Advance(absl::Hours(24 * 92));
  ASSERT_TRUE(world_.FilesHold(sealed[0])) << "the search finds nothing";
  world_.RunBackground();
  ASSERT_EQ(world_.OrdersOver(), 1);
  EXPECT_TRUE(Leaves(sealed[0]));
  EXPECT_TRUE(world_.FilesHold(sealed[1])) << "more was destroyed than was over";
  ExpectNobodyIsNamed();
  world_.Reopen();
  EXPECT_FALSE(world_.FilesHold(sealed[0]));
}

}  // namespace
}  // namespace postern::lifecycle
