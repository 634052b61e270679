// The gateway's own channels: proof first, then records; failures by the schedule; the fence.
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "proto/errors/error.h"
#include "server/delivery/outbound_delivery.h"
#include "server/delivery/retry_schedule.h"
#include "server/disclosure/errors.h"
#include "tests/unit/server/delivery/delivery_fixture.h"
#include "tests/unit/server/delivery/fake_server.h"

namespace postern::delivery {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::SizeIs;

using Fate = OutboundResult::Fate;
using State = v1::EndpointStanding;

const std::vector<std::pair<std::string, std::string>> kPush = {
    {"receive {} max_pending_hours: 72", "push { endpoint: \"orders\" timeout_ms: 5000 } max_pending_hours: 400"}};

class OutboundTest : public ::testing::Test {
 protected:
  OutboundTest() : fixture_(HubOptions(), kPush), endpoints_(&fixture_.gateway->control->control) {
    v1::UpdatePartnerRequest update;
    *update.mutable_partner() = control().Get(kSwift);
    v1::PartnerEndpoint& endpoint = *update.mutable_partner()->add_endpoints();
    endpoint.set_id("orders");
    endpoint.set_address("orders.swift.example:443");
    endpoint.set_trust_bundle_pem(registry::TestCertificate());
    endpoint.set_server_san("orders.swift.example");
    update.mutable_update_mask()->add_paths("endpoints");
    const auto updated = control().UpdateByTwo(update);
    EXPECT_TRUE(updated.ok()) << updated.status();
  }
  ~OutboundTest() override {
    if (outbound_ != nullptr) outbound_->Stop();
  }

  void Start() {
    OutboundDelivery::Parts parts;
    parts.snapshots = &control().holder;
    parts.endpoints = &endpoints_;
    parts.hub = fixture_.hub.get();
    parts.push = &server_;
    OutboundOptions options;
    options.tick = absl::Milliseconds(5);
    options.clock = fixture_.gateway->clock();
    outbound_ = std::make_unique<OutboundDelivery>(parts, options);
    outbound_->Start();
  }

  registry::ControlFixture& control() { return *fixture_.gateway->control; }
  std::string Disclose(const std::string& reference, uint64_t version = 1) {
    return fixture_.gateway->Disclose(reference, version);
  }
  v1::EndpointStanding::State StateOfEndpoint() {
    const v1::Partner partner = control().Get(kSwift);
    return registry::EndpointState(partner, *registry::FindEndpoint(partner, "orders"));
  }
  bool BecomesState(v1::EndpointStanding::State state) {
    for (int i = 0; i < 1000 && StateOfEndpoint() != state; ++i) absl::SleepFor(absl::Milliseconds(5));
    return StateOfEndpoint() == state;
  }
  // Until every call has ended, and what it came to is booked: the clock may go on then.
  void AwaitEnds() {
    while (server_.open_calls() > 0) absl::SleepFor(absl::Milliseconds(1));
  }
  // The tests' clock goes on while the threads of the gateway look at it.
  static void LetPass() { absl::SleepFor(absl::Milliseconds(60)); }

  FakeServer server_;
  DeliveryFixture fixture_;
  registry::EndpointRegistry endpoints_;
  std::unique_ptr<OutboundDelivery> outbound_;

 private:
  DeliveryHubOptions HubOptions() {
    DeliveryHubOptions options;
    options.on_stopped = [this](absl::string_view partner) {
      if (outbound_ != nullptr) outbound_->StopPartner(partner);
    };
    return options;
  }
};

TEST_F(OutboundTest, AnEndpointProvesItselfBeforeItGetsARecord) {
  server_.SetConfirms(false);
  Start();
  const std::string name = Disclose("S-1");
  while (server_.challenges() == 0) absl::SleepFor(absl::Milliseconds(1));
  LetPass();
  EXPECT_THAT(server_.deliveries(), SizeIs(0));
  EXPECT_EQ(StateOfEndpoint(), State::STATE_UNSPECIFIED);
  EXPECT_EQ(fixture_.Row(name).state, v1::DISCLOSURE_STATE_PENDING) << "nothing is counted as possibly held yet";

  server_.SetConfirms(true);
  fixture_.gateway->Advance(absl::Seconds(2));
  const std::vector<v1::DeliverRequest> deliveries = server_.AwaitDeliveries(1);
  ASSERT_THAT(deliveries, SizeIs(1));
  EXPECT_EQ(StateOfEndpoint(), State::STATE_PROVEN) << "on record before the first record leaves";
  EXPECT_EQ(deliveries[0].partner(), kSwift);
  EXPECT_EQ(deliveries[0].records(0).disclosure(), name);
  EXPECT_TRUE(fixture_.Becomes(name, v1::DISCLOSURE_STATE_DELIVERED));
  EXPECT_THAT(control().AuditActions(), Contains("endpoint.proven"));
}

TEST_F(OutboundTest, AnEndpointThatIsProvenIsNotAskedAgainUntilItChanges) {
  Start();
  Disclose("S-1");
  server_.AwaitDeliveries(1);
  outbound_->Stop();
  Start();
  Disclose("S-2");
  ASSERT_THAT(server_.AwaitDeliveries(2), SizeIs(2));
  EXPECT_EQ(server_.challenges(), 1);

  v1::UpdatePartnerRequest update;
  *update.mutable_partner() = control().Get(kSwift);
  update.mutable_partner()->mutable_endpoints(0)->set_address("elsewhere.swift.example:443");
  update.mutable_update_mask()->add_paths("endpoints");
  ASSERT_TRUE(control().UpdateByTwo(update).ok());
  EXPECT_EQ(StateOfEndpoint(), State::STATE_UNSPECIFIED);
  while (server_.challenges() < 2) absl::SleepFor(absl::Milliseconds(1));
  Disclose("S-3");
  EXPECT_THAT(server_.AwaitDeliveries(3), SizeIs(3));
}

TEST_F(OutboundTest, RecordsOfOneKeyGoOneAfterTheOther) {
  server_.Hang(true);
  Start();
  const std::string first = Disclose("S-1", 1);
  ASSERT_THAT(server_.AwaitDeliveries(1), SizeIs(1));
  const std::string second = Disclose("S-1", 2);
  LetPass();
  EXPECT_THAT(server_.deliveries(), SizeIs(1)) << "its predecessor is under way";
  server_.Hang(false);
  fixture_.hub->calls()->CancelAll(fixture_.gateway->IdOf(kSwift));
  AwaitEnds();
  fixture_.gateway->Advance(absl::Seconds(7));
  const std::vector<v1::DeliverRequest> deliveries = server_.AwaitDeliveries(3);
  ASSERT_THAT(deliveries, SizeIs(3));
  EXPECT_EQ(deliveries[1].records(0).disclosure(), first);
  EXPECT_TRUE(deliveries[1].records(0).redelivered());
  EXPECT_EQ(deliveries[2].records(0).disclosure(), second);
  EXPECT_TRUE(fixture_.Becomes(second, v1::DISCLOSURE_STATE_DELIVERED));
}

TEST_F(OutboundTest, WhatThePartnerRejectsIsADeadLetter) {
  server_.OnDeliver(
      [](const v1::DeliverRequest& request) { return Rejected(request, v1::DeliveryRejection::ACTION_REJECT); });
  Start();
  const std::string name = Disclose("S-1");
  EXPECT_TRUE(fixture_.Becomes(name, v1::DISCLOSURE_STATE_DEAD_LETTERED));
  EXPECT_THAT(server_.deliveries(), SizeIs(1));
}

TEST_F(OutboundTest, WhatFailsIsTriedTenTimesByTheScheduleAndIsThenADeadLetter) {
  server_.OnDeliver([](const v1::DeliverRequest&) { return Ended(Fate::kFailed); });
  Start();
  const std::string name = Disclose("S-1");
  for (int failures = 1; failures < 10; ++failures) {
    ASSERT_THAT(server_.AwaitDeliveries(static_cast<size_t>(failures)), SizeIs(failures));
    AwaitEnds();
    const absl::Duration least = *RetryDelay(failures, 0);
    fixture_.gateway->Advance(least - absl::Seconds(1));
    LetPass();
    ASSERT_THAT(server_.deliveries(), SizeIs(failures)) << "before its time";
    fixture_.gateway->Advance(least * 0.2 + absl::Seconds(2));
  }
  ASSERT_THAT(server_.AwaitDeliveries(10), SizeIs(10));
  EXPECT_TRUE(fixture_.Becomes(name, v1::DISCLOSURE_STATE_DEAD_LETTERED));
  EXPECT_FALSE(RetryDelay(10, 0).has_value());
}

TEST_F(OutboundTest, AnEndpointThatFailsIsAskedSeldomAndForOneRecordAtATime) {
  server_.OnDeliver([](const v1::DeliverRequest&) { return Ended(Fate::kFailed); });
  Start();
  Disclose("S-0");
  ASSERT_THAT(server_.AwaitDeliveries(1), SizeIs(1));
  AwaitEnds();
  for (int i = 1; i <= 20; ++i) Disclose(absl::StrCat("S-", i));
  LetPass();
  EXPECT_THAT(server_.deliveries(), SizeIs(1));
  server_.OnDeliver(nullptr);
  fixture_.gateway->Advance(absl::Seconds(2));
  const std::vector<v1::DeliverRequest> deliveries = server_.AwaitDeliveries(4);
  ASSERT_GE(deliveries.size(), 4u);
  EXPECT_EQ(deliveries[1].records_size(), 1);
  EXPECT_EQ(deliveries[2].records_size(), 8) << "it works again";
}

TEST_F(OutboundTest, WhatDidNotLeaveCostsNoAttempt) {
  Start();
  Disclose("S-0");
  server_.AwaitDeliveries(1);
  server_.OnDeliver([](const v1::DeliverRequest&) { return Ended(Fate::kNotSent); });
  const std::string name = Disclose("S-1");
  for (size_t i = 2; i <= 20; ++i) {
    ASSERT_THAT(server_.AwaitDeliveries(i), SizeIs(i));
    AwaitEnds();
    fixture_.gateway->Advance(absl::Minutes(7));
  }
  server_.OnDeliver(nullptr);
  fixture_.gateway->Advance(absl::Minutes(7));
  EXPECT_TRUE(fixture_.Becomes(name, v1::DISCLOSURE_STATE_DELIVERED));
}

TEST_F(OutboundTest, AnUnreachableEndpointIsWaitedForAndNothingIsLost) {
  server_.SetReachable(false);
  Start();
  const std::string name = Disclose("S-1");
  while (server_.connects() == 0) absl::SleepFor(absl::Milliseconds(1));
  LetPass();
  EXPECT_EQ(server_.connects(), 1) << "it is left alone for a second";
  server_.SetReachable(true);
  fixture_.gateway->Advance(absl::Seconds(2));
  EXPECT_TRUE(fixture_.Becomes(name, v1::DISCLOSURE_STATE_DELIVERED));
}

TEST_F(OutboundTest, ThePartnersWishForRestIsHonoured) {
  server_.OnDeliver([](const v1::DeliverRequest& request) {
    OutboundResult result = Acknowledged(request);
    result.retry_after = absl::Minutes(10);
    return result;
  });
  Start();
  const std::string first = Disclose("S-1");
  EXPECT_TRUE(fixture_.Becomes(first, v1::DISCLOSURE_STATE_DELIVERED));
  const std::string second = Disclose("S-2");
  fixture_.gateway->Advance(absl::Minutes(9));
  LetPass();
  EXPECT_THAT(server_.deliveries(), SizeIs(1));
  fixture_.gateway->Advance(absl::Minutes(2));
  EXPECT_TRUE(fixture_.Becomes(second, v1::DISCLOSURE_STATE_DELIVERED));
}

TEST_F(OutboundTest, AnAnswerForOtherDeliveriesCountsForNone) {
  server_.OnDeliver([](const v1::DeliverRequest& request) {
    OutboundResult result = Acknowledged(request);
    result.delivered.mutable_acknowledged(0)->set_last(request.records(0).delivery() + 1);
    return result;
  });
  Start();
  const std::string name = Disclose("S-1");
  server_.AwaitDeliveries(1);
  AwaitEnds();
  EXPECT_EQ(fixture_.Row(name).state, v1::DISCLOSURE_STATE_POSSIBLY_HELD);
  server_.OnDeliver(nullptr);
  fixture_.gateway->Advance(absl::Seconds(7));
  EXPECT_TRUE(fixture_.Becomes(name, v1::DISCLOSURE_STATE_DELIVERED));
}

TEST_F(OutboundTest, AnEndpointThatIsGoneGetsNothingUntilAnOperatorEnablesIt) {
  server_.OnDeliver([](const v1::DeliverRequest&) { return Ended(Fate::kGone); });
  Start();
  const std::string name = Disclose("S-1");
  ASSERT_TRUE(BecomesState(State::STATE_DISABLED));
  EXPECT_THAT(control().AuditActions(), Contains("endpoint.disabled"));
  server_.OnDeliver(nullptr);
  fixture_.gateway->Advance(absl::Hours(1));
  LetPass();
  EXPECT_THAT(server_.deliveries(), SizeIs(1));
  EXPECT_EQ(outbound_->stats().channels, 0);

  v1::EnablePartnerEndpointRequest enable;
  enable.set_name(std::string(kSwift));
  enable.set_endpoint("orders");
  ASSERT_TRUE(endpoints_.Enable("operators/alice", enable).ok());
  EXPECT_TRUE(fixture_.Becomes(name, v1::DISCLOSURE_STATE_DELIVERED));
  EXPECT_EQ(server_.challenges(), 2) << "it proved itself anew";
}

// Clause: P1.4e
TEST_F(OutboundTest, AStopCancelsWhatIsUnderWayAndNothingLeavesAfterIt) {
  server_.Hang(true);
  Start();
  const std::string name = Disclose("S-1");
  ASSERT_THAT(server_.AwaitDeliveries(1), SizeIs(1));
  const std::shared_ptr<registry::PartnerFence> fence = control().snapshots->Fence(kSwift);
  ASSERT_TRUE(fence->Close(absl::Seconds(5)));
  EXPECT_EQ(fixture_.hub->StopPartner(kSwift, disclosure::errors::Fenced()).live_streams, 1);
  EXPECT_EQ(server_.open_calls(), 0) << "ended when StopPartner returned";
  EXPECT_THAT(server_.forgotten(), ElementsAre(kSwift));
  server_.Hang(false);
  Disclose("S-2");
  fixture_.gateway->Advance(absl::Minutes(10));
  LetPass();
  EXPECT_THAT(server_.deliveries(), SizeIs(1));
  EXPECT_EQ(fixture_.Row(name).state, v1::DISCLOSURE_STATE_POSSIBLY_HELD) << "it may be there, and is counted";

  // A partner that was only suspended gets it again.
  fence->Open();
  const std::vector<v1::DeliverRequest> deliveries = server_.AwaitDeliveries(2);
  ASSERT_GE(deliveries.size(), 2u);
  EXPECT_EQ(deliveries[1].records(0).disclosure(), name);
  EXPECT_TRUE(deliveries[1].records(0).redelivered());
  EXPECT_TRUE(fixture_.Becomes(name, v1::DISCLOSURE_STATE_DELIVERED));
}

TEST_F(OutboundTest, WhatIsUnderWayAtAShutdownStillCounts) {
  absl::Notification go_on;
  server_.OnDeliver([&go_on](const v1::DeliverRequest& request) {
    go_on.WaitForNotification();
    return Acknowledged(request);
  });
  Start();
  const std::string name = Disclose("S-1");
  ASSERT_THAT(server_.AwaitDeliveries(1), SizeIs(1));
  std::thread stopping([this] { outbound_->Stop(); });
  LetPass();
  go_on.Notify();
  stopping.join();
  EXPECT_TRUE(fixture_.Becomes(name, v1::DISCLOSURE_STATE_DELIVERED));
}

TEST_F(OutboundTest, APartnerWhoseRecordsArePushedOpensNoStream) {
  TestStream stream = fixture_.Connect();
  EXPECT_EQ(ReasonOf(stream.open_status()), v1::ERROR_REASON_CHANNEL_MISMATCH);
}

TEST(RetryScheduleTest, JitterOnlyLengthens) {
  EXPECT_EQ(*RetryDelay(1, 0), absl::Seconds(5));
  EXPECT_EQ(*RetryDelay(9, 0), absl::Hours(24));
  EXPECT_EQ(*RetryDelay(2, 0.5), absl::Minutes(5.5));
  EXPECT_EQ(EndpointPause(1, 0), absl::Seconds(1));
  EXPECT_EQ(EndpointPause(3, 0), absl::Seconds(4));
  EXPECT_EQ(EndpointPause(1000, 0), absl::Minutes(5));
}

}  // namespace
}  // namespace postern::delivery
