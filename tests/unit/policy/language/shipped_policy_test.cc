// What the shipped privacy policy says in data is what the two published policies say in words.
#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "proto/postern/v1/privacy_policy.pb.h"
#include "tests/unit/policy/bundle/bundle_files.h"

namespace postern::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using Names = std::set<std::string>;

class ShippedPolicyTest : public ::testing::Test {
 protected:
  ShippedPolicyTest() {
    EXPECT_TRUE(
        google::protobuf::TextFormat::ParseFromString(ReadSourceFile("policy/retail/privacy_policy.txtpb"), &policy_));
  }

  // "kind/purpose" of every ceiling with one of these categories.
  Names WhoMayHave(const Names& categories) const {
    Names who;
    for (const v1::Ceiling& ceiling : policy_.ceilings()) {
      for (const v1::CeilingCategory& category : ceiling.categories()) {
        if (categories.count(category.id()) != 0)
          who.insert(absl::StrCat(ceiling.partner_kind(), "/", ceiling.purpose()));
      }
    }
    return who;
  }
  Names CategoriesFor(const std::string& kind, const std::string& purpose) const {
    Names categories;
    for (const v1::Ceiling& ceiling : policy_.ceilings()) {
      if (ceiling.partner_kind() != kind || ceiling.purpose() != purpose) continue;
      for (const v1::CeilingCategory& category : ceiling.categories()) categories.insert(category.id());
    }
    return categories;
  }
  Names CategoriesOf(const std::string& clause) const {
    Names categories;
    for (const v1::DataCategory& category : policy_.categories()) {
      for (const std::string& named : category.clauses()) {
        if (named == clause) categories.insert(category.id());
      }
    }
    return categories;
  }

  v1::PrivacyPolicy policy_;
};

// Account registration, order delivery, payment verification, browsing track, product preference, service interaction.
// Clause: P1.1b
TEST_F(ShippedPolicyTest, TheVocabularyStartsFromTheCollectionScope) {
  Names declared;
  for (const v1::DataCategory& category : policy_.categories()) declared.insert(category.id());
  EXPECT_THAT(declared, IsSupersetOf({"account_contact", "account_profile", "delivery_name", "delivery_address",
                                      "delivery_contact", "payment_token", "payment_result", "browsing_track",
                                      "product_preference", "service_message", "service_contact"}));
}

// Clause: P1.2b
TEST_F(ShippedPolicyTest, BrowsingAndPreferencesAreNobodysButTheShops) {
  EXPECT_THAT(WhoMayHave({"browsing_track", "product_preference", "marketing", "behavioural_profile"}), IsEmpty());
  for (const v1::Purpose& purpose : policy_.purposes()) {
    if (purpose.id() == "recommendation" || purpose.id() == "marketing")
      EXPECT_TRUE(purpose.internal()) << purpose.id();
  }
}

// Clause: W1.1
TEST_F(ShippedPolicyTest, RecipientDataIsForShipmentLogisticsAndReceipt) {
  const Names recipient = {"delivery_name", "delivery_address", "delivery_contact", "delivery_remark"};
  EXPECT_THAT(CategoriesOf("W1.1"), IsSupersetOf(recipient));
  EXPECT_THAT(WhoMayHave(recipient),
              ElementsAre("logistics/customs", "logistics/delivery", "logistics/return_transit"));
  EXPECT_THAT(WhoMayHave({"delivery_remark"}), ElementsAre("logistics/delivery"));
}

// Clause: W1.2a
TEST_F(ShippedPolicyTest, PaymentAndAfterSalesUseWhatAnOrderRecords) {
  // Product types, settlement amount, time and serial number.
  EXPECT_THAT(CategoriesOf("W1.2a"),
              IsSupersetOf({"order_items", "order_amount", "transaction_time", "order_reference"}));
  EXPECT_THAT(CategoriesFor("payment", "settlement"),
              IsSupersetOf({"order_amount", "transaction_time", "order_reference"}));
  EXPECT_THAT(CategoriesFor("payment", "refund"), IsSupersetOf({"order_amount", "order_reference"}));
  EXPECT_THAT(CategoriesFor("support", "support"),
              IsSupersetOf({"order_items", "transaction_time", "order_reference"}));
}

// Clause: W1.3
TEST_F(ShippedPolicyTest, MessagesToCustomerServiceAreForSupportAlone) {
  EXPECT_THAT(CategoriesOf("W1.3"), ElementsAre("service_contact", "service_message"));
  EXPECT_THAT(WhoMayHave({"service_message", "service_contact"}), ElementsAre("support/support"));
}

// Clause: W2a
TEST_F(ShippedPolicyTest, ThePurposesAreThoseThatThePolicyLists) {
  Names grantable, internal;
  for (const v1::Purpose& purpose : policy_.purposes())
    (purpose.internal() ? internal : grantable).insert(purpose.id());
  EXPECT_THAT(grantable, ElementsAre("customs", "delivery", "refund", "return_transit", "settlement", "support"));
  EXPECT_THAT(internal, ElementsAre("after_sales", "anti_fraud", "consultation_reply", "marketing", "optimisation",
                                    "order_audit", "packaging", "recommendation"));
}

// Clause: W4c
TEST_F(ShippedPolicyTest, PaymentPartnersMayHaveTheAmountAndWhatNamesIt) {
  EXPECT_THAT(
      CategoriesFor("payment", "settlement"),
      ElementsAre("customer_reference", "order_amount", "order_reference", "payment_token", "transaction_time"));
  EXPECT_THAT(CategoriesFor("payment", "refund"), ElementsAre("customer_reference", "order_amount", "order_reference"));
}

}  // namespace
}  // namespace postern::policy
