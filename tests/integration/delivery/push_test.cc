// Push from a running gateway to a partner's server, over mutual TLS both ways.
#include <csignal>
#include <set>

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "policy/retail/shop/v1/shipment.pb.h"
#include "tests/integration/delivery/delivery_fixture.h"

namespace postern::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class PushTest : public OutboundFixture {};

// Clause: P1.1a
TEST_F(PushTest, ARecordIsPushedTrimmedToAServerThatHasProvenItself) {
  Open();
  Serve();
  const std::string name = Disclose("P-1");
  const std::vector<v1::DeliveredRecord> records = inbox_.Await(1);
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_EQ(records[0].disclosure(), name);
  EXPECT_EQ(records[0].purpose(), "delivery");
  EXPECT_EQ(records[0].handle(), Get(name).handle());
  EXPECT_FALSE(records[0].redelivered());
  shop::v1::Shipment shipment;
  ASSERT_TRUE(shipment.ParseFromString(records[0].record().data()));
  EXPECT_EQ(shipment.reference(), "P-1");
  EXPECT_EQ(shipment.account_email(), "");
  EXPECT_TRUE(Becomes(name, v1::DISCLOSURE_STATE_DELIVERED));
  ASSERT_THAT(Partner().endpoint_standings(), SizeIs(1));
  EXPECT_EQ(Partner().endpoint_standings(0).state(), v1::EndpointStanding::STATE_PROVEN);
}

TEST_F(PushTest, WhatWaitedForAServerThatWasDownGoesWhenItIsUp) {
  Open();
  std::set<std::string> names;
  for (int i = 0; i < 40; ++i) names.insert(Disclose(absl::StrCat("P-", i)));
  EXPECT_EQ(Get(*names.begin()).state(), v1::DISCLOSURE_STATE_PENDING) << "nothing was handed to anyone";
  Serve();
  for (const std::string& name : names) EXPECT_TRUE(Becomes(name, v1::DISCLOSURE_STATE_DELIVERED));
  std::set<std::string> got;
  for (const v1::DeliveredRecord& record : inbox_.records()) got.insert(record.disclosure());
  EXPECT_EQ(got, names);
}

TEST_F(PushTest, OrderOfAKeyHoldsAndWhatIsRejectedIsADeadLetterUntilItIsReplayed) {
  Open();
  inbox_.Answer(client::Handled::kRejected);
  Serve();
  const std::string first = Disclose("P-1", 1);
  EXPECT_TRUE(Becomes(first, v1::DISCLOSURE_STATE_DEAD_LETTERED));
  const std::string second = Disclose("P-1", 2);
  inbox_.Answer(client::Handled::kStored);
  const std::string other = Disclose("P-2", 1);
  EXPECT_TRUE(Becomes(other, v1::DISCLOSURE_STATE_DELIVERED));
  EXPECT_NE(Get(second).state(), v1::DISCLOSURE_STATE_DELIVERED) << "it waits behind the dead letter";

  v1::ListDeadLettersRequest list;
  list.set_parent(absl::StrCat("partners/", kCarrier));
  v1::ListDeadLettersResponse letters;
  ASSERT_TRUE(alice_->ListDeadLetters(Deadline().get(), list, &letters).ok());
  ASSERT_THAT(letters.dead_letters(), SizeIs(1));
  EXPECT_EQ(letters.dead_letters(0).reason(), "rejected");
  v1::ReplayDeadLetterRequest replay;
  replay.set_name(first);
  v1::ReplayDeadLetterResponse replayed;
  ASSERT_TRUE(alice_->ReplayDeadLetter(Deadline().get(), replay, &replayed).ok());
  EXPECT_TRUE(Becomes(second, v1::DISCLOSURE_STATE_DELIVERED));
  const std::vector<v1::DeliveredRecord> records = inbox_.records();
  ASSERT_THAT(records, SizeIs(4));
  EXPECT_EQ(records[2].disclosure(), first);
  EXPECT_EQ(records[3].disclosure(), second);
}

TEST_F(PushTest, AServerWithAnotherCertificateGetsNothing) {
  Open();
  // The right name, under a CA that the partner did not name.
  const KeyPairPem pair = gateway_.pki().Server("somebody-else");
  client::PushReceiverOptions options;
  options.address = Partner().endpoints(0).address();
  options.partner = absl::StrCat("partners/", kCarrier);
  options.endpoint = "orders";
  options.gateway_san = "spiffe://shop.test/gateway";
  options.certificate_chain = pair.certificate;
  options.private_key = pair.private_key;
  options.gateway_trust_bundle = gateway_.pki().CaPem("gateway");
  const auto impostor =
      client::PushReceiver::Start(options, [this](const v1::DeliveredRecord& record) { return inbox_.Take(record); });
  ASSERT_TRUE(impostor.ok()) << impostor.status();
  const std::string name = Disclose("P-1");
  absl::SleepFor(absl::Seconds(2));
  EXPECT_THAT(inbox_.records(), SizeIs(0));
  EXPECT_EQ(Get(name).state(), v1::DISCLOSURE_STATE_PENDING);
  EXPECT_THAT(Partner().endpoint_standings(), SizeIs(0));
}

TEST_F(PushTest, AnAddressThatIsNotPublicNeedsTheContractsWord) {
  Open("push { endpoint: \"orders\" timeout_ms: 5000 }");
  Serve();
  const std::string name = Disclose("P-1");
  absl::SleepFor(absl::Seconds(2));
  EXPECT_THAT(inbox_.records(), SizeIs(0));
  EXPECT_THAT(Partner().endpoint_standings(), SizeIs(0)) << "not even the challenge was sent";
  EXPECT_EQ(Get(name).state(), v1::DISCLOSURE_STATE_PENDING);
}

// Clause: P1.4e
TEST_F(PushTest, ATerminationCutsThePushUnderWayAndNothingIsPushedAfterIt) {
  Open();
  Serve();
  EXPECT_TRUE(Becomes(Disclose("P-0"), v1::DISCLOSURE_STATE_DELIVERED));
  inbox_.Hold(true);
  const std::string under_way = Disclose("P-1");
  ASSERT_THAT(inbox_.Await(2), SizeIs(2));

  const absl::Time before = absl::Now();
  const v1::TerminatePartnerResponse terminated = Terminate();
  EXPECT_LT(absl::Now() - before, absl::Seconds(2)) << "it does not wait for the partner's answer";
  EXPECT_EQ(terminated.effect().live_streams(), 1);
  EXPECT_EQ(terminated.effect().delivered_count(), 1);
  EXPECT_EQ(terminated.effect().possibly_held_count(), 1) << "the push under way is counted";
  EXPECT_EQ(terminated.effect().handle_count(), 2);
  const size_t at_return = inbox_.records().size();
  inbox_.Hold(false);
  absl::SleepFor(absl::Seconds(2));
  EXPECT_EQ(inbox_.records().size(), at_return);
  EXPECT_EQ(Get(under_way).state(), v1::DISCLOSURE_STATE_OUTCOME_UNKNOWN) << "what the shop is told";
}

TEST_F(PushTest, ASuspendedPartnerGetsNothingAndEverythingAfterwards) {
  Open();
  Serve();
  EXPECT_TRUE(Becomes(Disclose("P-0"), v1::DISCLOSURE_STATE_DELIVERED));
  v1::SuspendPartnerRequest suspend;
  suspend.set_name(absl::StrCat("partners/", kCarrier));
  suspend.set_reason("operator");
  inbox_.Hold(true);
  const std::string cut = Disclose("P-1");
  ASSERT_THAT(inbox_.Await(2), SizeIs(2));
  v1::SuspendPartnerResponse suspended;
  ASSERT_TRUE(alice_->SuspendPartner(Deadline().get(), suspend, &suspended).ok());
  inbox_.Hold(false);
  absl::SleepFor(absl::Seconds(1));
  EXPECT_THAT(inbox_.records(), SizeIs(2));

  v1::ResumePartnerRequest resume;
  resume.set_name(suspend.name());
  resume.set_etag(Partner().etag());
  v1::Partner resumed;
  ASSERT_TRUE(alice_->ResumePartner(Deadline().get(), resume, &resumed).ok());
  EXPECT_TRUE(Becomes(cut, v1::DISCLOSURE_STATE_DELIVERED));
  EXPECT_TRUE(inbox_.records().back().redelivered());
}

TEST_F(PushTest, AGatewayThatWasKilledPushesWhatWasNotAcknowledged) {
  Open();
  Serve();
  inbox_.Hold(true);
  const std::string name = Disclose("P-1");
  ASSERT_THAT(inbox_.Await(1), SizeIs(1));
  gateway_.process().Signal(SIGKILL);
  gateway_.process().Wait(absl::Seconds(10));
  inbox_.Hold(false);
  gateway_.Restart();
  shop_ = v1::StorefrontService::NewStub(gateway_.Storefront());
  EXPECT_TRUE(Becomes(name, v1::DISCLOSURE_STATE_DELIVERED));
  const std::vector<v1::DeliveredRecord> records = inbox_.records();
  ASSERT_GE(records.size(), 2u);
  EXPECT_EQ(records.back().disclosure(), name);
  EXPECT_TRUE(records.back().redelivered());
}

TEST_F(PushTest, APartnerWhoseRecordsArePushedMayNotFetchThem) {
  Open();
  const auto partner = v1::PartnerService::NewStub(gateway_.PartnerChannel(kCarrier));
  const auto context = Deadline();
  const auto stream = partner->Receive(context.get());
  v1::ReceiveRequest credit;
  credit.set_add_records(1);
  credit.set_add_bytes(1 << 20);
  stream->Write(credit);
  v1::ReceiveResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(ReasonOf(stream->Finish()), "ERROR_REASON_CHANNEL_MISMATCH");
}

}  // namespace
}  // namespace postern::testing
