// From the shop to a partner, and the partner cut off, over the real listeners.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "policy/retail/shop/v1/shipment.pb.h"
#include "tests/support/retail_bundle.h"
#include "tests/support/test_gateway.h"

namespace postern::testing {
namespace {

constexpr char kCarrier[] = "swift-parcel";

class FlowTest : public ::testing::Test {
 protected:
  FlowTest() {
    gateway_.Start();
    gateway_.CreatePartner(kCarrier, "logistics");
    gateway_.CreatePartner("nordic-freight", "logistics");
    gateway_.CreatePartner("clear-pay", "payment");
    gateway_.ApplyRetailBundle({kCarrier});
    shop_ = v1::StorefrontService::NewStub(gateway_.Storefront());
  }

  static v1::CreateDisclosureRequest Request(const std::string& reference, const std::string& marker) {
    v1::CreateDisclosureRequest request;
    *request.mutable_record() = ShipmentRecord(reference, 1, marker);
    v1::DisclosureTarget* target = request.add_targets();
    target->set_partner(absl::StrCat("partners/", kCarrier));
    target->set_purpose("delivery");
    request.set_request_id(NewRequestId());
    return request;
  }

  // Discloses `count` records in one batch; every one must be authorised.
  void Disclose(const std::string& prefix, int count) {
    v1::BatchCreateDisclosuresRequest batch;
    for (int i = 0; i < count; ++i) *batch.add_requests() = Request(absl::StrCat(prefix, i), "canary");
    v1::BatchCreateDisclosuresResponse response;
    const grpc::Status status = shop_->BatchCreateDisclosures(Deadline().get(), batch, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    ASSERT_EQ(response.answers_size(), count);
    for (const auto& answer : response.answers()) {
      ASSERT_EQ(answer.results_size(), 1);
      ASSERT_TRUE(answer.results(0).has_disclosure()) << answer.results(0).ShortDebugString();
    }
  }

  TestGateway gateway_;
  std::unique_ptr<v1::StorefrontService::Stub> shop_;
};

// Clause: P1.1a
TEST_F(FlowTest, ARecordReachesThePartnerTrimmedAndIsAcknowledged) {
  v1::CreateDisclosureResponse created;
  const grpc::Status status = shop_->CreateDisclosure(Deadline().get(), Request("A-1", "canary"), &created);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_TRUE(created.results(0).has_disclosure()) << created.ShortDebugString();

  const auto partner = v1::PartnerService::NewStub(gateway_.PartnerChannel(kCarrier));
  const auto context = Deadline(absl::Seconds(20));
  const auto stream = partner->Receive(context.get());
  v1::ReceiveRequest credit;
  credit.set_add_records(10);
  credit.set_add_bytes(1 << 20);
  ASSERT_TRUE(stream->Write(credit));
  v1::ReceiveResponse received;
  while (received.records().empty()) ASSERT_TRUE(stream->Read(&received));
  EXPECT_EQ(received.records(0).disclosure(), created.results(0).disclosure().name());
  EXPECT_EQ(received.records(0).handle(), created.results(0).disclosure().handle());
  shop::v1::Shipment shipment;
  ASSERT_TRUE(shipment.ParseFromString(received.records(0).record().data()));
  EXPECT_EQ(shipment.recipient().name(), "Recipient canary");
  EXPECT_EQ(shipment.account_email(), "");
  EXPECT_EQ(shipment.order_number(), "");

  v1::ReceiveRequest acknowledge;
  acknowledge.add_acknowledged()->set_first(received.records(0).delivery());
  acknowledge.mutable_acknowledged(0)->set_last(received.records(0).delivery());
  ASSERT_TRUE(stream->Write(acknowledge));

  const auto watch_context = Deadline(absl::Seconds(20));
  const auto outcomes = shop_->WatchOutcomes(watch_context.get(), v1::WatchOutcomesRequest());
  v1::WatchOutcomesResponse page;
  while (page.outcomes().empty()) ASSERT_TRUE(outcomes->Read(&page));
  EXPECT_EQ(page.outcomes(0).state(), v1::DISCLOSURE_STATE_DELIVERED);
  EXPECT_EQ(page.outcomes(0).disclosure(), created.results(0).disclosure().name());
  watch_context->TryCancel();
  stream->WritesDone();
  while (stream->Read(&received)) {
  }
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(FlowTest, CommitGroupsAreMeasured) {
  Disclose("M-", 10);
  const std::string metrics = HttpGet(gateway_.process().Address("operations"), "/metrics");
  EXPECT_THAT(metrics, ::testing::HasSubstr("postern_commit_group_entries_sum 10\n"));
  EXPECT_THAT(metrics, ::testing::ContainsRegex("postern_commit_seconds_count [1-9]"));
  EXPECT_THAT(metrics, ::testing::ContainsRegex("postern_commit_seconds_sum [0-9.e-]*[1-9]"));
  EXPECT_THAT(metrics, ::testing::ContainsRegex("postern_ledger_sync_seconds_count [1-9]"));
}

TEST_F(FlowTest, StreamedDisclosuresAreAnsweredInOrder) {
  const auto context = Deadline(absl::Seconds(30));
  const auto stream = shop_->StreamDisclosures(context.get());
  std::vector<std::string> sent;
  std::thread writer([&] {
    for (int i = 0; i < 40; ++i) {
      v1::StreamDisclosuresRequest batch;
      for (int j = 0; j < 25; ++j) {
        *batch.add_requests() = Request(absl::StrCat("S-", i, "-", j), "canary");
        sent.push_back(batch.requests(j).request_id());
      }
      if (!stream->Write(batch)) break;
    }
    stream->WritesDone();
  });
  std::vector<std::string> answered;
  v1::StreamDisclosuresResponse response;
  while (stream->Read(&response)) {
    for (const auto& answer : response.answers()) {
      EXPECT_TRUE(answer.results_size() == 1 && answer.results(0).has_disclosure()) << answer.ShortDebugString();
      answered.push_back(answer.request_id());
    }
  }
  writer.join();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(answered, sent);
}

TEST_F(FlowTest, WhatIsOnItsWayArrivesAfterAPartnersLastWord) {
  // More than fits into what the transport takes in without a reader, so that a write is pending for sure.
  v1::BatchCreateDisclosuresRequest batch;
  for (int i = 0; i < 100; ++i) {
    *batch.add_requests() = Request(absl::StrCat("L-", i), std::string(8000, 'x'));
  }
  v1::BatchCreateDisclosuresResponse answers;
  ASSERT_TRUE(shop_->BatchCreateDisclosures(Deadline().get(), batch, &answers).ok());
  const auto partner = v1::PartnerService::NewStub(gateway_.PartnerChannel(kCarrier));
  const auto context = Deadline(absl::Seconds(20));
  const auto stream = partner->Receive(context.get());
  v1::ReceiveRequest credit;
  credit.set_add_records(100);
  credit.set_add_bytes(64 << 20);
  ASSERT_TRUE(stream->Write(credit));
  absl::SleepFor(absl::Milliseconds(500));
  stream->WritesDone();
  absl::SleepFor(absl::Milliseconds(200));
  v1::ReceiveResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_GT(response.records_size(), 10);
  while (stream->Read(&response)) {
  }
  const grpc::Status status = stream->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
}

// Clause: P1.4e
TEST_F(FlowTest, TerminationCutsASlowReaderOffAndReadsNothingMore) {
  const auto partner = v1::PartnerService::NewStub(gateway_.PartnerChannel(kCarrier));
  const auto context = Deadline(absl::Seconds(60));
  const auto stream = partner->Receive(context.get());
  v1::ReceiveRequest credit;
  credit.set_add_records(100000);
  credit.set_add_bytes(int64_t{1} << 30);
  ASSERT_TRUE(stream->Write(credit));
  Disclose("T-", 400);
  const v1::CreateDisclosureRequest early = Request("early", "canary");
  v1::CreateDisclosureResponse original;
  ASSERT_TRUE(shop_->CreateDisclosure(Deadline().get(), early, &original).ok());
  ASSERT_TRUE(original.results(0).has_disclosure()) << original.ShortDebugString();
  v1::ReceiveResponse response;
  ASSERT_TRUE(stream->Read(&response));  // and then it reads no more

  const auto alice = v1::OperatorService::NewStub(gateway_.Person("alice"));
  v1::GetPartnerRequest get;
  get.set_name(absl::StrCat("partners/", kCarrier));
  v1::Partner resource;
  ASSERT_TRUE(alice->GetPartner(Deadline().get(), get, &resource).ok());
  v1::TerminatePartnerRequest terminate;
  terminate.set_name(get.name());
  terminate.set_confirm(get.name());
  terminate.set_etag(resource.etag());
  terminate.set_reason("test");
  v1::TerminatePartnerResponse terminated;
  const grpc::Status status = alice->TerminatePartner(Deadline(absl::Seconds(20)).get(), terminate, &terminated);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(terminated.effect().live_streams(), 1) << "its stream was not cut";

  // What the client's own library had taken in before may still be read; the window bounds it.
  int64_t readable = response.records_size();
  while (stream->Read(&response)) readable += response.records_size();
  EXPECT_FALSE(stream->Finish().ok());
  EXPECT_LE(readable, 256);
  EXPECT_LE(readable, terminated.effect().possibly_held_count());

  const auto refused_context = Deadline();
  const auto refused = partner->Receive(refused_context.get());
  while (refused->Read(&response)) {
  }
  EXPECT_EQ(ReasonOf(refused->Finish()), "ERROR_REASON_PARTNER_TERMINATED");
  v1::ListDeletionNoticesResponse notices;
  for (int i = 0; i < 50 && notices.notices().empty(); ++i) {
    absl::SleepFor(absl::Milliseconds(100));
    ASSERT_TRUE(partner->ListDeletionNotices(Deadline().get(), v1::ListDeletionNoticesRequest(), &notices).ok());
  }
  EXPECT_GT(notices.notices_size(), 0) << "its one right is left";

  v1::CreateDisclosureResponse created;
  ASSERT_TRUE(shop_->CreateDisclosure(Deadline().get(), Request("late", "canary"), &created).ok());
  EXPECT_TRUE(created.results(0).has_error());
  const grpc::Status retried = shop_->CreateDisclosure(Deadline().get(), early, &created);
  ASSERT_TRUE(retried.ok()) << retried.error_message();
  EXPECT_EQ(created.results(0).disclosure().name(), original.results(0).disclosure().name())
      << "a retry gets the original's receipt";
}

// A reader that does not read leaves bytes in the kernel, in the server's transport and, up to its own flow-control
// window, in its own library. Cancelling the stream recalls none of them; the reset does.
// Clause: P1.4e
TEST_F(FlowTest, TerminationResetsASlowReadersConnectionAndPurgesWhatIsQueued) {
  constexpr int kRecords = 200;
  constexpr int kCredits = 150;
  constexpr int kRemarkBytes = 20000;
  grpc::ChannelArguments wide;
  wide.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 16 << 20);  // so that only the reader's slowness holds bytes up
  const auto channel = gateway_.Channel("partners", gateway_.PartnerPair(kCarrier), wide);
  const auto partner = v1::PartnerService::NewStub(channel);
  const auto context = Deadline(absl::Seconds(60));
  const auto stream = partner->Receive(context.get());
  v1::ReceiveRequest credit;
  credit.set_add_records(kCredits);
  credit.set_add_bytes(int64_t{1} << 30);
  ASSERT_TRUE(stream->Write(credit));

  v1::BatchCreateDisclosuresRequest batch;
  for (int i = 0; i < kRecords; ++i) {
    v1::CreateDisclosureRequest& request = *batch.add_requests();
    request = Request(absl::StrCat("Q-", i), "canary");
    shop::v1::Shipment shipment;
    ASSERT_TRUE(shipment.ParseFromString(request.record().data()));
    shipment.set_remark(std::string(kRemarkBytes, 'x'));
    request.mutable_record()->set_data(shipment.SerializeAsString());
  }
  v1::BatchCreateDisclosuresResponse disclosed;
  ASSERT_TRUE(shop_->BatchCreateDisclosures(Deadline(absl::Seconds(20)).get(), batch, &disclosed).ok());
  v1::ReceiveResponse response;
  ASSERT_TRUE(stream->Read(&response));
  const int64_t read_before = response.records_size();
  absl::SleepFor(absl::Seconds(1));  // the server fills what it can fill

  const auto alice = v1::OperatorService::NewStub(gateway_.Person("alice"));
  v1::GetPartnerRequest get;
  get.set_name(absl::StrCat("partners/", kCarrier));
  v1::Partner resource;
  ASSERT_TRUE(alice->GetPartner(Deadline().get(), get, &resource).ok());
  v1::TerminatePartnerRequest terminate;
  terminate.set_name(get.name());
  terminate.set_confirm(get.name());
  terminate.set_etag(resource.etag());
  terminate.set_reason("test");
  v1::TerminatePartnerResponse terminated;
  ASSERT_TRUE(alice->TerminatePartner(Deadline(absl::Seconds(20)).get(), terminate, &terminated).ok());
  const absl::Time returned = absl::Now();

  const std::string none = "postern_partner_connections 0";
  bool reset = false;
  while (!reset && absl::Now() < returned + absl::Seconds(1)) {
    reset = HttpGet(gateway_.process().Address("operations"), "/metrics").find(none) != std::string::npos;
  }
  EXPECT_TRUE(reset) << "the connection outlived its partner by a second";
  // Only now does the reader go on, as fast as it can.
  const absl::Time reading = absl::Now();
  int64_t read_after = 0;
  while (stream->Read(&response)) read_after += response.records_size();
  EXPECT_FALSE(stream->Finish().ok());
  EXPECT_LT(absl::Now() - reading, absl::Seconds(1));
  EXPECT_LE(read_before + read_after, kCredits);
  EXPECT_LE(read_before + read_after, terminated.effect().possibly_held_count());
  EXPECT_LE(terminated.effect().possibly_held_count(), kCredits);
  RecordProperty("records_read_before", static_cast<int>(read_before));
  RecordProperty("records_readable_after", static_cast<int>(read_after));
}

}  // namespace
}  // namespace postern::testing
