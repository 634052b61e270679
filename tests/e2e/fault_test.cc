// posternd is killed in the middle of a stream, and its disk fills: what was acknowledged is there, once, and the rest
// is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <map>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/storefront/disclosure_pipeline.h"
#include "tests/e2e/audit_check.h"
#include "tests/support/retail_shop.h"

namespace postern::testing {
namespace {

using ::testing::HasSubstr;

using Names = std::map<std::string, std::string>;  // request id -> disclosure

// Discloses them all through one pipeline; those that were answered. `on_answer` is told how many have been.
Names DiscloseAll(RetailShop& shop, const std::vector<v1::CreateDisclosureRequest>& requests,
                  const std::function<void(size_t)>& on_answer) {
  absl::Mutex mutex;
  Names answered;
  client::PipelineOptions options;
  options.max_in_flight = 64;
  options.max_batch = 8;
  options.give_up_after = absl::Seconds(1);
  client::DisclosurePipeline pipeline(shop.gateway().Storefront(), options, [&](const v1::DisclosureAnswer& answer) {
    absl::MutexLock lock(&mutex);
    if (answer.results_size() == 1 && answer.results(0).has_disclosure()) {
      answered[answer.request_id()] = answer.results(0).disclosure().name();
    }
    on_answer(answered.size());
  });
  for (const v1::CreateDisclosureRequest& request : requests) {
    if (!pipeline.Send(request).ok()) break;
  }
  pipeline.Finish().IgnoreError();
  return answered;
}

std::set<std::string> Values(const Names& names) {
  std::set<std::string> values;
  for (const auto& [key, value] : names) values.insert(value);
  return values;
}

TEST(KillTest, WhatWasAcknowledgedSurvivesAndNothingIsDoubled) {
  constexpr size_t kRecords = 300;
  RetailShop shop;
  shop.Open();
  std::vector<v1::CreateDisclosureRequest> requests;
  for (size_t i = 0; i < kRecords; ++i) {
    requests.push_back(
        RetailShop::RequestFor(RecordOf(PlainShipment(absl::StrCat("K-", i))), "swift-parcel", "delivery"));
  }
  // A carrier reads along and acknowledges nothing.
  std::set<std::string> held;
  const auto stub = shop.Partner("swift-parcel");
  std::thread carrier([&stub, &held] {
    const auto context = Deadline(absl::Seconds(15));
    const auto stream = stub->Receive(context.get());
    v1::ReceiveRequest credit;
    credit.set_add_records(static_cast<int>(kRecords));
    credit.set_add_bytes(64 << 20);
    stream->Write(credit);
    for (v1::ReceiveResponse response; stream->Read(&response);) {
      for (const v1::DeliveredRecord& record : response.records()) held.insert(record.disclosure());
    }
    stream->Finish();
  });
  const Names before = DiscloseAll(shop, requests, [&shop](size_t answered) {
    if (answered == kRecords / 3) shop.gateway().process().Signal(SIGKILL);
  });
  carrier.join();
  ASSERT_EQ(shop.gateway().process().Wait(absl::Seconds(10)), 128 + SIGKILL);
  ASSERT_GE(before.size(), kRecords / 3);
  ASSERT_LT(before.size(), kRecords) << "it was killed too late";

  shop.gateway().Restart();
  const Names after = DiscloseAll(shop, requests, [](size_t) {});
  ASSERT_EQ(after.size(), kRecords);
  for (const auto& [request, disclosure] : before) EXPECT_EQ(after.at(request), disclosure) << "answered anew";
  const std::set<std::string> accounted = Values(after);
  EXPECT_EQ(accounted.size(), kRecords);
  for (const std::string& disclosure : held) EXPECT_TRUE(accounted.count(disclosure)) << "left and is not accounted";

  std::set<std::string> delivered;
  for (const v1::DeliveredRecord& record : shop.Receive("swift-parcel", static_cast<int>(kRecords))) {
    EXPECT_TRUE(delivered.insert(record.disclosure()).second) << "delivered twice in one stream";
    if (held.count(record.disclosure())) EXPECT_TRUE(record.redelivered());
  }
  EXPECT_EQ(delivered, accounted);
  EXPECT_TRUE(shop.Settles("swift-parcel"));
  EXPECT_EQ(CheckAuditLog(shop), "");
}

class DiskFullTest : public ::testing::Test {
 protected:
  DiskFullTest() { shop_.Open(); }

  // The gateway can write to no file beyond `bytes`.
  void LimitFiles(rlim_t bytes) {
    const rlimit limit{bytes, RLIM_INFINITY};
    ASSERT_EQ(prlimit(shop_.gateway().process().pid(), RLIMIT_FSIZE, &limit, nullptr), 0);
  }
  std::string Health() { return HttpGet(shop_.gateway().process().Address("operations"), "/healthz"); }

  RetailShop shop_;
};

// Clause: P1.3c
TEST_F(DiskFullTest, NothingIsServedThatCannotBeAccountedForAndNothingIsLost) {
  EXPECT_THAT(Health(), HasSubstr("200 OK"));
  constexpr int kAcknowledged = 20;
  for (int i = 0; i < kAcknowledged; ++i) {
    const v1::Record record = RecordOf(PlainShipment(absl::StrCat("F-", i)));
    ASSERT_TRUE(shop_.Disclose(record, "swift-parcel", "delivery").has_disclosure());
  }
  LimitFiles(1);
  const v1::CreateDisclosureRequest refused =
      RetailShop::RequestFor(RecordOf(PlainShipment("F-full")), "swift-parcel", "delivery");
  v1::CreateDisclosureResponse response;
  EXPECT_EQ(ReasonOf(shop_.Storefront()->CreateDisclosure(Deadline().get(), refused, &response)),
            "ERROR_REASON_LEDGER_UNAVAILABLE");
  EXPECT_THAT(Health(), HasSubstr("503"));
  v1::GetPartnerRequest get;
  get.set_name("partners/swift-parcel");
  v1::Partner partner;
  EXPECT_FALSE(shop_.Operator("vera")->GetPartner(Deadline().get(), get, &partner).ok()) << "no log, no reads either";
  EXPECT_EQ(shop_.gateway().process().Wait(absl::ZeroDuration()), -1) << "it ended";

  LimitFiles(RLIM_INFINITY);
  for (int i = 0; i < 100 && Health().find("200 OK") == std::string::npos; ++i) absl::SleepFor(absl::Milliseconds(50));
  EXPECT_THAT(Health(), HasSubstr("200 OK"));
  ASSERT_TRUE(shop_.Storefront()->CreateDisclosure(Deadline().get(), refused, &response).ok());
  EXPECT_TRUE(response.results(0).has_disclosure()) << response.ShortDebugString();
  EXPECT_EQ(shop_.Pending("swift-parcel"), kAcknowledged + 1);
  EXPECT_EQ(shop_.Receive("swift-parcel", kAcknowledged + 1).size(), kAcknowledged + 1u);
  EXPECT_TRUE(shop_.Settles("swift-parcel"));
  EXPECT_EQ(CheckAuditLog(shop_), "");
}

}  // namespace
}  // namespace postern::testing
