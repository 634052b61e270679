#include "policy/report/preview.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/retail/shop/v1/payment.pb.h"
#include "policy/retail/shop/v1/shipment.pb.h"
#include "proto/errors/error.h"
#include "tests/unit/policy/bundle/bundle_files.h"

namespace postern::policy {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

void FakePseudonym(absl::string_view value, uint8_t digest[32]) {
  std::fill(digest, digest + 32, static_cast<uint8_t>(value.size()));
}

PreviewOptions Options() {
  return {absl::CivilDay(2026, 6, 1), FakePseudonym, {}, false};
}

shop::v1::Shipment Sample() {
  shop::v1::Shipment shipment;
  shipment.set_reference("S-1");
  shipment.set_version(3);
  shipment.set_customer_id("customer-17");
  shipment.set_account_email("account@example.org");
  shipment.mutable_recipient()->set_name("Ada Example");
  shipment.mutable_recipient()->set_phone("+41790000000");
  shipment.mutable_recipient()->set_minor(false);
  auto* address = shipment.mutable_recipient()->mutable_address();
  address->set_street("Gasse 1");
  address->set_city("Bern");
  address->set_postcode("3011");
  address->set_country("CH");
  shipment.mutable_sender()->set_country("CH");
  shipment.mutable_customs()->set_incoterm("DAP");
  shipment.mutable_preferences()->set_alternative_recipient("Neighbour");
  shipment.set_remark("card 4111 1111 1111 1111 please");
  shipment.set_recommendation_slot("slot-9");
  return shipment;
}

std::vector<PreviewColumn> PreviewOf(const shop::v1::Shipment& shipment, const PreviewOptions& options) {
  static const auto& bundle = *new std::shared_ptr<const CompiledBundle>(RetailBundle());
  auto columns = Preview(*bundle, "shop.v1.Shipment", shipment.SerializeAsString(), options);
  EXPECT_TRUE(columns.ok()) << columns.status();
  return columns.ok() ? *std::move(columns) : std::vector<PreviewColumn>();
}

shop::v1::Shipment Seen(const PreviewColumn& column) {
  shop::v1::Shipment seen;
  EXPECT_TRUE(column.status.ok()) << column.status;
  EXPECT_TRUE(seen.ParseFromString(column.bytes));
  return seen;
}

std::vector<std::string> WithheldFor(const PreviewColumn& column, WithheldReason reason) {
  std::vector<std::string> paths;
  for (const WithheldField& field : column.withheld) {
    if (field.reason == reason) paths.push_back(field.path);
  }
  return paths;
}

TEST(PreviewTest, ShowsARecordAsEveryPartnerWouldSeeIt) {
  const auto columns = PreviewOf(Sample(), Options());
  ASSERT_EQ(columns.size(), 3u);
  EXPECT_EQ(columns[0].partner, "partners/nordic-freight");
  EXPECT_EQ(columns[0].purpose, "delivery");
  EXPECT_EQ(columns[1].purpose, "return_transit");
  EXPECT_EQ(columns[2].partner, "partners/swift-parcel");

  const shop::v1::Shipment nordic = Seen(columns[0]), returns = Seen(columns[1]), swift = Seen(columns[2]);
  EXPECT_EQ(nordic.recipient().phone(), "********0000");
  EXPECT_EQ(returns.recipient().address().postcode(), "301");
  EXPECT_FALSE(returns.recipient().has_minor());
  EXPECT_EQ(swift.recipient().phone(), "+41790000000");
  EXPECT_NE(swift.customer_id(), "customer-17");
  EXPECT_THAT(swift.remark(), Not(HasSubstr("4111")));
  for (const auto& column : columns) {
    EXPECT_THAT(column.bytes, Not(HasSubstr("account@example.org")));
    EXPECT_THAT(WithheldFor(column, WithheldReason::kNotGranted), Contains("account_email"));
  }
}

// Clause: W4b
TEST(PreviewTest, CustomsLeaveOnlyAcrossABorder) {
  shop::v1::Shipment shipment = Sample();
  EXPECT_THAT(WithheldFor(PreviewOf(shipment, Options())[2], WithheldReason::kCondition), Contains("customs.incoterm"));
  shipment.mutable_recipient()->mutable_address()->set_country("JP");
  EXPECT_EQ(Seen(PreviewOf(shipment, Options())[2]).customs().incoterm(), "DAP");
  shipment.mutable_sender()->clear_country();
  EXPECT_FALSE(Seen(PreviewOf(shipment, Options())[2]).has_customs()) << "an unknown country crosses no border";
}

// Towards: W2b
TEST(PreviewTest, ConsentOpensWhatItCovers) {
  PreviewOptions options = Options();
  const PreviewColumn closed = PreviewOf(Sample(), options)[2];
  EXPECT_THAT(closed.missing_consents, ElementsAre("category:alternative_recipient"));
  EXPECT_FALSE(closed.consent_missing);
  EXPECT_EQ(Seen(closed).preferences().alternative_recipient(), "");
  options.consents = {"category:alternative_recipient"};
  EXPECT_EQ(Seen(PreviewOf(Sample(), options)[2]).preferences().alternative_recipient(), "Neighbour");
}

// Clause: W6b
TEST(PreviewTest, AMinorsTrackStaysEvenWithConsent) {
  PreviewOptions options = Options();
  options.consents = {"category:alternative_recipient"};
  shop::v1::Shipment shipment = Sample();
  shipment.mutable_preferences()->set_at_home_from("08:00");
  shipment.mutable_recipient()->set_minor(true);
  const PreviewColumn column = PreviewOf(shipment, options)[2];
  EXPECT_FALSE(Seen(column).has_preferences());
  EXPECT_THAT(WithheldFor(column, WithheldReason::kMinor), Contains("preferences.at_home_from"));
  shipment.mutable_recipient()->clear_minor();
  EXPECT_FALSE(Seen(PreviewOf(shipment, options)[2]).has_preferences()) << "an unknown age counts as a minor's";
}

TEST(PreviewTest, ShowsWhyARecordIsRefused) {
  shop::v1::Shipment shipment = Sample();
  shipment.mutable_recipient()->clear_name();
  const auto columns = PreviewOf(shipment, Options());
  EXPECT_EQ(ReasonOf(columns[2].status), v1::ERROR_REASON_REQUIRED_FIELD_MISSING);
  EXPECT_EQ(columns[2].bytes, "");
  EXPECT_TRUE(columns[1].status.ok()) << "the return does not need the name";
}

TEST(PreviewTest, SaysWhetherTheContractHolds) {
  PreviewOptions options = Options();
  options.today = absl::CivilDay(2028, 4, 1);
  EXPECT_EQ(PreviewOf(Sample(), options)[0].standing.state, ContractStanding::State::kDocumentExpired);
  EXPECT_EQ(PreviewOf(Sample(), options)[2].standing.state, ContractStanding::State::kInForce);
}

TEST(PreviewTest, NamesAnUnknownType) {
  const auto bundle = RetailBundle();
  EXPECT_EQ(ReasonOf(Preview(*bundle, "shop.v1.Money", "", Options()).status()), v1::ERROR_REASON_RECORD_TYPE_UNKNOWN);
}

}  // namespace
}  // namespace postern::policy
