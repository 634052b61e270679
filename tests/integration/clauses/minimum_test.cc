// What a carrier gets of a shipment, and what it does not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/support/retail_shop.h"

namespace postern::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class MinimumTest : public ::testing::Test {
 protected:
  MinimumTest() { shop_.Open(); }

  // Paths withheld from swift-parcel for "delivery" with that reason, as the shop sees them before it discloses.
  std::vector<std::string> Withheld(const shop::v1::Shipment& shipment, v1::WithheldField::Reason reason) {
    v1::PreviewDisclosureRequest request;
    *request.mutable_record() = RecordOf(shipment);
    request.add_targets()->set_partner("partners/swift-parcel");
    request.mutable_targets(0)->set_purpose("delivery");
    v1::PreviewDisclosureResponse response;
    const grpc::Status status = shop_.Storefront()->PreviewDisclosure(Deadline().get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    std::vector<std::string> paths;
    for (const v1::WithheldField& field : response.previews(0).withheld()) {
      if (field.reason() == reason) paths.push_back(field.path());
    }
    return paths;
  }

  RetailShop shop_;
};

// Clause: P1.1a, P1.4b
TEST_F(MinimumTest, NothingLeavesThatIsNotGranted) {
  shop::v1::Shipment shipment = PlainShipment("M-1");
  shipment.set_account_email("canary-account@example.org");
  shipment.set_order_number("canary-order");
  shipment.set_recommendation_slot("canary-preference");
  shipment.mutable_recipient()->set_email("canary-recipient@example.org");
  v1::Record record = RecordOf(shipment);
  // Field 4000 is in no schema, at the top and inside a granted message.
  record.mutable_data()->append(
      "\x82\xfa\x01\x0e"
      "canary-unknown",
      18);
  const std::string recipient(
      "\x82\xfa\x01\x0d"
      "canary-nested",
      17);
  record.mutable_data()->append(absl::StrCat("\x32", std::string(1, static_cast<char>(recipient.size())), recipient));
  for (const char* carrier : {"swift-parcel", "nordic-freight"}) {
    ASSERT_TRUE(shop_.Disclose(record, carrier, "delivery").has_disclosure());
    const v1::DeliveredRecord got = shop_.Receive(carrier, 1).at(0);
    EXPECT_THAT(got.record().data(), HasSubstr("Recipient Example")) << "what is granted arrives";
    EXPECT_THAT(got.SerializeAsString(), Not(HasSubstr("canary"))) << carrier;
  }
}

// Clause: W4b
TEST_F(MinimumTest, CustomsDataCrossesABorderOrStays) {
  shop::v1::Shipment shipment = PlainShipment("M-2");
  shipment.mutable_customs()->set_incoterm("DAP");
  shipment.mutable_customs()->add_items()->set_description("scarf");
  EXPECT_FALSE(shop_.SeenBy("swift-parcel", shipment).has_customs());
  EXPECT_THAT(Withheld(shipment, v1::WithheldField::REASON_CONDITION), Contains("customs.incoterm"));
  shipment.set_reference("M-3");
  shipment.mutable_recipient()->mutable_address()->set_country("JP");
  const shop::v1::Shipment abroad = shop_.SeenBy("swift-parcel", shipment);
  EXPECT_EQ(abroad.customs().incoterm(), "DAP");
  EXPECT_EQ(abroad.recipient().address().street(), "Seestrasse 1") << "for transit, clearance and the last mile";
  EXPECT_FALSE(shop_.SeenBy("nordic-freight", shipment).has_customs()) << "its contract has none";
}

// Clause: W6b
TEST_F(MinimumTest, NothingTellsAMinorsAgeOrDay) {
  shop::v1::Shipment shipment = PlainShipment("M-4");
  shipment.mutable_preferences()->set_at_home_from("08:11");
  shipment.mutable_preferences()->set_at_home_until("09:12");
  EXPECT_EQ(shop_.SeenBy("swift-parcel", shipment).preferences().at_home_from(), "08:11") << "an adult's may";
  shipment.mutable_recipient()->set_birth_date("2015-05-05");
  shipment.mutable_recipient()->set_guardian_name("Guardian Example");
  const auto expect_nothing = [&](const std::string& reference) {
    shipment.set_reference(reference);
    const shop::v1::Shipment seen = shop_.SeenBy("swift-parcel", shipment);
    EXPECT_FALSE(seen.has_preferences()) << seen.ShortDebugString();
    EXPECT_EQ(seen.recipient().birth_date(), "");
    EXPECT_EQ(seen.recipient().guardian_name(), "");
    EXPECT_FALSE(seen.recipient().has_minor());
  };
  shipment.mutable_recipient()->set_minor(true);
  expect_nothing("M-5");
  shipment.mutable_recipient()->clear_minor();
  shipment.mutable_recipient()->clear_birth_date();
  expect_nothing("M-6");  // whether it is a minor is not known
}

// Clause: W4d
// Towards: W2b
TEST_F(MinimumTest, WhatNeedsAVoluntaryYesStaysWithoutIt) {
  shop::v1::Shipment shipment = PlainShipment("M-7");
  shipment.mutable_preferences()->set_alternative_recipient("Neighbour");
  shipment.mutable_preferences()->set_at_home_from("08:00");
  const shop::v1::Shipment seen = shop_.SeenBy("swift-parcel", shipment);
  EXPECT_EQ(seen.preferences().alternative_recipient(), "");
  EXPECT_EQ(seen.preferences().at_home_from(), "08:00");
  EXPECT_THAT(Withheld(shipment, v1::WithheldField::REASON_CONSENT), Contains("preferences.alternative_recipient"));
}

// Clause: W5d
TEST_F(MinimumTest, ARecordOfEssentialsOnlyPasses) {
  shop::v1::Shipment shipment;
  shipment.set_reference("M-8");
  shipment.set_version(1);
  shipment.set_order_number("O-8");
  shipment.mutable_recipient()->set_name("Recipient Example");
  shipment.mutable_recipient()->set_phone("+41 44 555 01 02");
  shipment.mutable_recipient()->mutable_address()->set_street("Seestrasse 1");
  shipment.mutable_recipient()->mutable_address()->set_city("Zug");
  shipment.mutable_recipient()->mutable_address()->set_country("CH");
  EXPECT_EQ(shop_.SeenBy("swift-parcel", shipment).recipient().name(), "Recipient Example");
}

// Clause: W1.2b
TEST_F(MinimumTest, ACardNumberIsRefusedOrRedactedAndNeverKept) {
  // Every way to write it that a person uses.
  for (const char* number : {"4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111"}) {
    shop::v1::Shipment shipment = PlainShipment(absl::StrCat("M-9-", std::string(1, number[4])));
    shipment.mutable_recipient()->set_name(absl::StrCat("Ada ", number));
    const v1::TargetResult refused = shop_.Disclose(RecordOf(shipment), "swift-parcel", "delivery");
    EXPECT_THAT(refused.error().ShortDebugString(), HasSubstr("ERROR_REASON_CARD_NUMBER")) << number;
    EXPECT_THAT(refused.ShortDebugString(), Not(HasSubstr(number)));
    shipment.mutable_recipient()->set_name("Ada");
    shipment.set_remark(absl::StrCat("ring twice, card ", number, " please"));
    const std::string remark = shop_.SeenBy("swift-parcel", shipment).remark();
    EXPECT_THAT(remark, HasSubstr("ring twice"));
    EXPECT_THAT(remark, Not(HasSubstr("1111"))) << number;
    EXPECT_THAT(shop_.FilesWith(number), IsEmpty());
  }
}

// Clause: P1.4d
TEST_F(MinimumTest, APersonHasAnotherPseudonymWithEachPartner) {
  const shop::v1::Shipment shipment = PlainShipment("M-10");
  const std::string swift = shop_.SeenBy("swift-parcel", shipment).customer_id();
  const std::string nordic = shop_.SeenBy("nordic-freight", shipment).customer_id();
  EXPECT_NE(swift, "");
  EXPECT_NE(swift, shipment.customer_id());
  EXPECT_NE(nordic, shipment.customer_id());
  EXPECT_NE(swift, nordic);
  shop::v1::Shipment again = PlainShipment("M-11");
  again.set_customer_id(shipment.customer_id());
  EXPECT_EQ(shop_.SeenBy("swift-parcel", again).customer_id(), swift) << "the same person, the same pseudonym";
}

}  // namespace
}  // namespace postern::testing
