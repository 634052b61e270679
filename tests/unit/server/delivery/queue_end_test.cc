// Records that end while they wait, and those that were delivered between the reading of the ledger and their end.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/delivery/partner_queue.h"
#include "tests/unit/server/delivery/delivery_fixture.h"

namespace postern::delivery {
namespace {

class QueueEndTest : public ::testing::Test {
 protected:
  // A queue of its own, which knows nothing but the ledger: as one does that has settled and forgotten a delivery.
  std::shared_ptr<PartnerQueue> OpenQueue() {
    registry::ControlFixture& control = *fixture_.gateway->control;
    PartnerQueue::Parts parts;
    parts.id = fixture_.gateway->IdOf(kSwift);
    parts.name = std::string(kSwift);
    parts.fence = control.snapshots->Fence(kSwift);
    parts.store = control.store.get();
    parts.keys = control.keys.get();
    parts.grants = &grants_;
    parts.clock = fixture_.gateway->clock();
    auto queue = PartnerQueue::Open(parts, {[] {}, [] {}});
    EXPECT_TRUE(queue.ok()) << queue.status();
    return *queue;
  }

  // Two records as the ledger has them, of which the first is delivered afterwards.
  std::vector<storage::PendingPayload> ReadThenDeliverTheFirst() {
    const std::string delivered = fixture_.gateway->Disclose("S-1", 1);
    fixture_.gateway->Disclose("S-2", 1);
    const auto waiting = fixture_.gateway->control->store->ReadPendingOlderThan(
        fixture_.gateway->IdOf(kSwift), 0, fixture_.gateway->now() + absl::Hours(1), 10);
    EXPECT_TRUE(waiting.ok() && waiting->size() == 2);
    TestStream stream = fixture_.Connect();
    EXPECT_TRUE(stream.Credit(1).ok());
    EXPECT_EQ(stream.Read(1).size(), 1u);
    EXPECT_TRUE(stream.Acknowledge(1, 1).ok());
    EXPECT_TRUE(fixture_.Becomes(delivered, v1::DISCLOSURE_STATE_DELIVERED));
    return *waiting;
  }

  DeliveryFixture fixture_;
  disclosure::GrantCache grants_{fixture_.gateway->control->store.get()};
};

TEST_F(QueueEndTest, WhatWasDeliveredMeanwhileDoesNotExpire) {
  const std::vector<storage::PendingPayload> overdue = ReadThenDeliverTheFirst();
  const std::shared_ptr<PartnerQueue> queue = OpenQueue();
  EXPECT_EQ(queue->Expire(overdue), 1);
  const auto batch = queue->TakeSettleBatch();
  ASSERT_TRUE(batch.ok() && batch->has_value());
  ASSERT_EQ((*batch)->settlements.size(), 1u);
  EXPECT_EQ((*batch)->settlements[0].seq, overdue[1].seq);
}

// Clause: P1.4c
TEST(ContractEndTest, NothingIsHandedOverOnceTheLastDayIsOver) {
  DeliveryFixture fixture({}, {{"expires_on: \"2028-12-31\"", "expires_on: \"2026-06-03\""}});
  TestStream stream = fixture.Connect();
  ASSERT_TRUE(stream.Credit(10).ok());
  fixture.gateway->Advance(absl::Hours(59) + absl::Minutes(59));  // 23:59 of the last day
  fixture.gateway->Disclose("S-1");
  EXPECT_EQ(stream.Read(1).size(), 1u);
  ASSERT_TRUE(stream.Reject(1, v1::DeliveryRejection::ACTION_RETRY).ok());
  fixture.gateway->Advance(absl::Minutes(5));
  // The contract clock has not looked yet, and the stream is as it was.
  EXPECT_TRUE(stream.Read(1).empty());
  EXPECT_TRUE(stream.ended().ok()) << stream.ended();
}

TEST(ContractChangeTest, ALiveStreamsWindowShrinksWithANewContract) {
  DeliveryHubOptions options;
  options.tick = absl::Milliseconds(20);
  DeliveryFixture fixture(options);
  TestStream stream = fixture.Connect();
  ASSERT_TRUE(stream.Credit(10).ok());
  for (int i = 0; i < 3; ++i) fixture.gateway->Disclose(absl::StrCat("S-", i));
  EXPECT_EQ(stream.Read(3).size(), 3u);
  ASSERT_TRUE(stream.Acknowledge(1, 2).ok());

  registry::ControlFixture& control = *fixture.gateway->control;
  v1::ApplyPolicyBundleRequest apply;
  *apply.mutable_bundle() = control.Bundle({{"max_unacknowledged: 256", "max_unacknowledged: 2"}});
  ASSERT_TRUE(control.bundles.ApplyPolicyBundle("operators/alice", apply).ok());
  control.ActivateAll("operators/bob");
  absl::SleepFor(absl::Milliseconds(200));  // some ticks
  for (int i = 3; i < 8; ++i) fixture.gateway->Disclose(absl::StrCat("S-", i));
  EXPECT_EQ(stream.Read(5).size(), 1u) << "one is unacknowledged, and two may be";
  ASSERT_TRUE(stream.Acknowledge(3, 4).ok());
  EXPECT_EQ(stream.Read(5).size(), 2u);
}

TEST_F(QueueEndTest, WhatWasDeliveredMeanwhileIsNotRecalled) {
  const std::vector<storage::PendingPayload> recalled = ReadThenDeliverTheFirst();
  const std::shared_ptr<PartnerQueue> queue = OpenQueue();
  EXPECT_EQ(queue->Recall(recalled, v1::ERROR_REASON_CONSENT_REQUIRED), 1);
  const auto batch = queue->TakeSettleBatch();
  ASSERT_TRUE(batch.ok() && batch->has_value());
  ASSERT_EQ((*batch)->settlements.size(), 1u);
  EXPECT_EQ((*batch)->settlements[0].seq, recalled[1].seq);
}

}  // namespace
}  // namespace postern::delivery
