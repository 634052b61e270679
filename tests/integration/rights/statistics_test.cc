// Anonymous statistics, over the real listeners.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "policy/retail/shop/v1/payment.pb.h"
#include "proto/postern/v1/statistics_service.grpc.pb.h"
#include "proto/postern/v1/subject_rights_service.grpc.pb.h"
#include "tests/support/payment_channel.h"
#include "tests/support/retail_shop.h"

namespace postern::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kConfig[] = R"(
statistics {
  min_group_size: 4
  measures { name: "settled" record_type: "shop.v1.PaymentRequest" path: "amount.minor_units" unit_path: "amount.currency" }
}
)";

grpc::Status Authorise(grpc::ServerContext*, const shop::v1::PaymentRequest& request,
                       clearpay::v1::AuthorizeResponse* response) {
  response->set_payment_reference(request.payment_reference());
  response->set_status(clearpay::v1::AUTHORIZATION_STATUS_AUTHORIZED);
  return grpc::Status::OK;
}

class StatisticsTest : public ::testing::Test {
 protected:
  explicit StatisticsTest(const std::string& failpoints = "")
      : gateway_(kConfig), channel_(&gateway_.pki(), Authorise) {
    Start(failpoints).IgnoreError();
    gateway_.CreatePartner("swift-parcel", "logistics");
    gateway_.CreatePartner("nordic-freight", "logistics");
    gateway_.CreatePartner("clear-pay", "payment", "", {channel_.Endpoint("authorize")});
    gateway_.ApplyRetailBundle({"swift-parcel", "clear-pay"});
  }

  // A shipment of `customer` to `country`; returns the request, for a retry.
  v1::CreateDisclosureRequest Ship(const std::string& customer, const std::string& country) {
    shop::v1::Shipment shipment = PlainShipment(absl::StrCat("S-", ++number_));
    shipment.set_customer_id(customer);
    shipment.mutable_recipient()->mutable_address()->set_country(country);
    v1::CreateDisclosureRequest request = RetailShop::RequestFor(RecordOf(shipment), "swift-parcel", "delivery");
    Send(request);
    return request;
  }
  void Send(const v1::CreateDisclosureRequest& request) {
    v1::CreateDisclosureResponse response;
    const auto shop = v1::StorefrontService::NewStub(gateway_.Storefront());
    ASSERT_TRUE(shop->CreateDisclosure(Deadline().get(), request, &response).ok());
    ASSERT_TRUE(response.results(0).has_disclosure()) << response.ShortDebugString();
  }
  void Pay(const std::string& customer, const std::string& currency, int64_t amount) {
    shop::v1::PaymentRequest payment;
    payment.set_payment_reference(absl::StrCat("PAY-", ++number_));
    payment.set_version(1);
    payment.set_order_number(absl::StrCat("O-", number_));
    payment.set_customer_id(customer);
    payment.mutable_amount()->set_currency(currency);
    payment.mutable_amount()->set_minor_units(amount);
    payment.set_payment_token("token");
    v1::ExchangeRequest request;
    *request.mutable_record() = RecordOf(payment);
    request.mutable_target()->set_partner("partners/clear-pay");
    request.mutable_target()->set_purpose("settlement");
    request.set_request_id(NewRequestId());
    v1::ExchangeResponse response;
    const grpc::Status status =
        v1::StorefrontService::NewStub(gateway_.Storefront())->Exchange(Deadline().get(), request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  void Erase(const std::string& customer) {
    const auto rights = v1::SubjectRightsService::NewStub(gateway_.Storefront());
    v1::CreateSubjectRequestRequest create;
    create.mutable_subject()->set_id(customer);
    create.set_kind(v1::SubjectRequest::KIND_ERASURE);
    create.set_request_id(NewRequestId());
    create.mutable_verification()->set_method("account login");
    v1::SubjectRequest request;
    ASSERT_TRUE(rights->CreateSubjectRequest(Deadline().get(), create, &request).ok());
    v1::RunSubjectRequestRequest run;
    run.set_name(request.name());
    ASSERT_TRUE(rights->RunSubjectRequest(Deadline(absl::Seconds(20)).get(), run, &request).ok());
  }
  void CloseOrders() {
    const auto shop = v1::StorefrontService::NewStub(gateway_.Storefront());
    for (int i = 1; i <= number_; ++i) {
      v1::ReportOrderEventRequest request;
      request.set_order_id(absl::StrCat("order-S-", i));
      request.set_event(v1::ORDER_EVENT_AFTER_SALES_CLOSED);
      request.mutable_event_time()->set_seconds(absl::ToUnixSeconds(absl::Now()));
      v1::ReportOrderEventResponse response;
      ASSERT_TRUE(shop->ReportOrderEvent(Deadline().get(), request, &response).ok());
    }
  }
  // Starts the gateway with these failpoints armed besides those that the test is run with.
  absl::Status Start(const std::string& failpoints) {
    const char* const armed = getenv("POSTERN_FAILPOINTS");
    const std::string all = absl::StrCat(armed == nullptr ? "" : armed, ",", failpoints);
    return gateway_.TryStart({absl::StrCat("POSTERN_FAILPOINTS=", all)});
  }
  void Kill() {
    gateway_.process().Signal(SIGKILL);
    gateway_.process().Wait(absl::Seconds(10));
  }
  // Kills the gateway, and starts it where the month is over as soon as everything is counted.
  void EndMonth() {
    Kill();
    ASSERT_TRUE(Start("statistics.wait=skip").ok());
  }
  v1::QueryStatisticsResponse Query(v1::QueryStatisticsRequest request = {}) {
    v1::QueryStatisticsResponse response;
    const auto stub = v1::StatisticsService::NewStub(gateway_.Person("vera"));
    const grpc::Status status = stub->QueryStatistics(Deadline().get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  // Once a month is told, at most ten seconds.
  v1::QueryStatisticsResponse Await(const v1::QueryStatisticsRequest& request) {
    v1::QueryStatisticsResponse response = Query(request);
    for (int i = 0; i < 100 && response.cells().empty() && response.suppressed_count() == 0; ++i) {
      absl::SleepFor(absl::Milliseconds(100));
      response = Query(request);
    }
    return response;
  }

  int number_ = 0;
  TestGateway gateway_;
  PaymentChannel channel_;
};

v1::QueryStatisticsRequest CategoryOf(const std::string& category, const std::string& purpose) {
  v1::QueryStatisticsRequest request;
  request.set_category(category);
  request.set_purpose(purpose);
  return request;
}

// Clause: P1.2c, W3c
TEST_F(StatisticsTest, GroupsAreToldWhenTheMonthIsOverAndSmallOnesNever) {
  for (int i = 0; i < 5; ++i) Ship(absl::StrCat("swiss-", i), "CH");
  Ship("swiss-0", "CH");                               // counts again, but is nobody new
  for (int i = 0; i < 6; ++i) Ship("austrian", "AT");  // many disclosures of one person are no group
  Send(Ship("german-0", "DE"));                        // a retry commits nothing, and counts nothing
  for (int i = 1; i < 4; ++i) Ship(absl::StrCat("german-", i), "DE");
  EXPECT_THAT(Query().cells(), IsEmpty()) << "the month is running";

  EndMonth();
  const v1::QueryStatisticsResponse told = Await(CategoryOf("delivery_address", "delivery"));
  std::map<std::string, int64_t> regions;
  for (const v1::StatisticsCell& cell : told.cells()) {
    EXPECT_EQ(cell.partner_kind(), "logistics");
    EXPECT_EQ(cell.period().size(), 7u);
    regions[cell.region()] = cell.disclosure_count();
  }
  EXPECT_THAT(regions, ElementsAre(::testing::Pair("CH", 6), ::testing::Pair("DE", 4))) << "AT is a group of one";
  EXPECT_EQ(told.suppressed_count(), 1);
  EXPECT_EQ(told.min_group_size(), 4);
  EXPECT_THAT(Query(CategoryOf("customs", "delivery")).cells(),
              Not(::testing::Contains(::testing::Property(&v1::StatisticsCell::region, "AT"))));
}

// Clause: P1.2c
TEST_F(StatisticsTest, AmountsAreSummedByCurrencyUnlessOneStandsOut) {
  for (int i = 0; i < 4; ++i) Pay(absl::StrCat("payer-", i), "CHF", 1000 + i);
  Pay("payer-0", "EUR", 777);  // one person
  for (int i = 0; i < 4; ++i)
    Pay(absl::StrCat("payer-", i), "USD", i == 0 ? 1'000'000 : 1);  // one of them is most of it
  EndMonth();
  const v1::QueryStatisticsResponse told = Await(CategoryOf("order_amount", "settlement"));
  ASSERT_EQ(told.cells_size(), 1) << told.ShortDebugString();
  EXPECT_EQ(told.cells(0).disclosure_count(), 9);
  ASSERT_EQ(told.cells(0).sums_size(), 1) << told.ShortDebugString();
  EXPECT_EQ(told.cells(0).sums(0).measure(), "settled");
  EXPECT_EQ(told.cells(0).sums(0).unit(), "CHF");
  EXPECT_EQ(told.cells(0).sums(0).value(), 4006);
  EXPECT_EQ(told.cells(0).sums(0).disclosure_count(), 4);
}

// Clause: W3c
TEST_F(StatisticsTest, WhatIsCountedOutlivesTheDataAndACrash) {
  for (int i = 0; i < 4; ++i) Ship(absl::StrCat("gone-", i), "CH");
  CloseOrders();
  for (int i = 0; i < 4; ++i) Erase(absl::StrCat("gone-", i));
  EndMonth();
  const v1::QueryStatisticsRequest request = CategoryOf("delivery_name", "delivery");
  v1::QueryStatisticsResponse told = Await(request);
  ASSERT_EQ(told.cells_size(), 1) << told.ShortDebugString();
  EXPECT_EQ(told.cells(0).disclosure_count(), 4);
  EndMonth();
  EXPECT_EQ(Query(request).cells(0).disclosure_count(), 4) << "counted twice";
  v1::QueryStatisticsRequest paged;
  paged.set_page_size(1);
  int cells = 0;
  do {
    told = Query(paged);
    cells += told.cells_size();
    paged.set_page_token(told.next_page_token());
  } while (!told.next_page_token().empty());
  EXPECT_THAT(cells, Gt(1));
  EXPECT_EQ(cells, Query().cells_size());
}

TEST_F(StatisticsTest, WhoAsksForNoMonthIsToldSo) {
  v1::QueryStatisticsRequest request;
  request.set_period("2026-13");
  v1::QueryStatisticsResponse response;
  const auto stub = v1::StatisticsService::NewStub(gateway_.Storefront());
  EXPECT_EQ(ReasonOf(stub->QueryStatistics(Deadline().get(), request, &response)), "ERROR_REASON_INVALID_ARGUMENT");
}

// Nothing is counted before the process dies in the first round that could, before or after its transaction.
class StatisticsCrashTest : public StatisticsTest, public ::testing::WithParamInterface<const char*> {
 protected:
  StatisticsCrashTest() : StatisticsTest("statistics.before=error") {}
};

// Clause: P1.2c
TEST_P(StatisticsCrashTest, NothingIsLostOrCountedTwice) {
  for (int i = 0; i < 4; ++i) Ship(absl::StrCat("crash-", i), "CH");
  Kill();
  // It may be dead before it listens.
  if (Start(absl::StrCat(GetParam(), "=abort")).ok()) {
    ASSERT_EQ(gateway_.process().Wait(absl::Seconds(15)), 128 + SIGKILL);
  }
  EndMonth();
  const v1::QueryStatisticsResponse told = Await(CategoryOf("delivery_name", "delivery"));
  ASSERT_EQ(told.cells_size(), 1) << told.ShortDebugString();
  EXPECT_EQ(told.cells(0).disclosure_count(), 4);
}

INSTANTIATE_TEST_SUITE_P(Statistics, StatisticsCrashTest, ::testing::Values("statistics.before", "statistics.after"));

}  // namespace
}  // namespace postern::testing
