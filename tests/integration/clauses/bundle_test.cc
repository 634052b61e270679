// What a bundle of contracts may not say: refused as a whole, with the place and the clause that it offends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "google/rpc/status.pb.h"
#include "tests/support/retail_bundle.h"
#include "tests/support/retail_shop.h"

namespace postern::testing {
namespace {

using ::testing::HasSubstr;

constexpr char kSwift[] = "contracts/swift-parcel.txtpb";
constexpr char kPay[] = "contracts/clear-pay.txtpb";
constexpr char kCompany[] = "  fields { path: \"recipient.company\" }\n";

struct Excess {
  const char* name;
  const char* file;
  std::string from;
  std::string to;
  const char* diagnostic;
};

void PrintTo(const Excess& excess, std::ostream* out) {
  *out << excess.name;
}

std::vector<Excess> Cases() {
  const std::string pay = "inbound {\n  purpose: \"settlement\"\n  record_type: \"clearpay.v1.AuthorizeResponse\"\n";
  const auto carrier = [](const std::string& field) { return absl::StrCat(kCompany, field); };
  const auto grant = [&pay](const std::string& type, const std::string& fields) {
    return "grants { purpose: \"settlement\" record_type: \"" + type + "\" justification: \"x\" " + fields + " }\n" +
           pay;
  };
  return {
      {"preferences_to_a_carrier", kSwift, kCompany, carrier("fields { path: \"recommendation_slot\" }\n"),
       "\"recommendation_slot\" is product_preference, which is never disclosed [P1.2b]"},
      {"account_contact_to_a_carrier", kSwift, kCompany, carrier("fields { path: \"account_email\" }\n"),
       "\"account_email\" is account_contact, which is never disclosed [P1.4b]"},
      {"a_minors_age_to_a_carrier", kSwift, kCompany, carrier("fields { path: \"recipient.birth_date\" }\n"),
       "\"recipient.birth_date\" is age, which a logistics partner may not have for delivery"},
      {"an_optional_field_as_required", kSwift, "fields { path: \"recipient.phone\" }",
       "fields { path: \"recipient.phone\" required: true }", "cannot be required [W5d]"},
      {"a_field_that_is_not_there", kSwift, kCompany, carrier("fields { path: \"recipient.nickname\" }\n"), "nickname"},
      {"a_field_that_nobody_classified", "catalogue.txtpb", "{ path: \"status\" category: \"payment_result\" }",
       "{ path: \"risk.score\" category: \"payment_core\" }",
       "\"status\" is not classified; what is unknown does not leave [P1.1a]"},
      {"marketing_as_a_purpose", kSwift, "purpose: \"delivery\"", "purpose: \"marketing\"",
       "purpose \"marketing\" is the shop's own and cannot be granted [P1.2b, P1.5d]"},
      {"a_fourth_kind_of_partner", kSwift, "partner_kind: \"logistics\"", "partner_kind: \"marketing\"",
       "is not a kind of partner; there are logistics, payment, support [P1.4a]"},
      {"no_confidentiality_agreement", kSwift, "kind: CONFIDENTIALITY_AGREEMENT", "kind: PRIVACY_COMMITMENT",
       "the contract has no document of kind CONFIDENTIALITY_AGREEMENT [P1.4c]"},
      {"no_qualification", kSwift, "kind: QUALIFICATION", "kind: PRIVACY_COMMITMENT",
       "the contract has no document of kind QUALIFICATION [P1.4a]"},
      {"a_recipient_to_a_payment_channel", kPay, pay,
       grant("shop.v1.Shipment", "fields { path: \"reference\" } fields { path: \"recipient.name\" }"),
       "\"recipient.name\" is delivery_name, which a payment partner may not have for settlement [W4c]"},
      {"articles_to_a_payment_channel", kPay, "  fields { path: \"method\" }\n",
       "  fields { path: \"method\" }\n  fields { path: \"article_titles\" }\n",
       "\"article_titles\" is order_items, which a payment partner may not have for settlement [W4c]"},
      {"customer_messages_to_a_payment_channel", kPay, pay,
       grant("shop.v1.SupportCase", "fields { path: \"case_number\" } fields { path: \"messages.text\" }"),
       "\"messages.text\" is service_message, which a payment partner may not have for settlement"},
      {"card_data_back_to_the_shop", kPay, "fields { path: \"decline_reason\" }",
       "fields { path: \"decline_reason\" } fields { path: \"card.number\" }",
       "\"card.number\" is payment_core, which is never disclosed [W1.2b]"},
  };
}

class BundleExcessTest : public ::testing::TestWithParam<Excess> {};

// Clause: P1.1a, P1.2b, P1.4a, P1.4b, P1.4c, W1.1, W1.2b, W1.2c, W1.3, W4c, W5d
TEST_P(BundleExcessTest, IsRefusedAndChangesNothing) {
  RetailShop shop;
  shop.Open();
  const auto alice = shop.Operator("alice");
  v1::PolicyBundle before;
  ASSERT_TRUE(alice->GetPolicyBundle(Deadline().get(), v1::GetPolicyBundleRequest(), &before).ok());
  v1::ApplyPolicyBundleRequest apply;
  *apply.mutable_bundle() = RetailBundle();
  EditFile(apply.mutable_bundle(), GetParam().file, GetParam().from, GetParam().to);
  v1::ApplyPolicyBundleResponse response;
  const grpc::Status status = alice->ApplyPolicyBundle(Deadline().get(), apply, &response);
  EXPECT_EQ(ReasonOf(status), "ERROR_REASON_POLICY_INVALID") << status.error_message();
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  std::string text;
  for (const auto& detail : details.details()) {
    v1::PolicyDiagnostics diagnostics;
    if (!detail.UnpackTo(&diagnostics)) continue;
    for (const v1::PolicyDiagnostic& diagnostic : diagnostics.diagnostics()) {
      absl::StrAppend(&text, diagnostic.file(), ": ", diagnostic.message(), " [", diagnostic.clause(), "]\n");
      EXPECT_GT(diagnostic.line(), 0);
    }
  }
  EXPECT_THAT(text, HasSubstr(GetParam().diagnostic));
  v1::PolicyBundle after;
  ASSERT_TRUE(alice->GetPolicyBundle(Deadline().get(), v1::GetPolicyBundleRequest(), &after).ok());
  EXPECT_EQ(after.name(), before.name());
}

INSTANTIATE_TEST_SUITE_P(Api, BundleExcessTest, ::testing::ValuesIn(Cases()),
                         [](const auto& info) { return std::string(info.param.name); });

class ContractDatesTest : public ::testing::Test {
 protected:
  // The reason for which bob may not put the only pending revision of swift-parcel in force.
  std::string Activate(const std::string& from, const std::string& to) {
    shop_.gateway().CreatePartner("swift-parcel", "logistics");
    shop_.gateway().CreatePartner("nordic-freight", "logistics");
    shop_.gateway().CreatePartner("clear-pay", "payment");
    v1::PolicyBundle bundle = RetailBundle();
    EditFile(&bundle, kSwift, from, to);
    shop_.gateway().ApplyBundle(bundle, {});
    const auto bob = shop_.Operator("bob");
    v1::ListContractRevisionsRequest list;
    list.set_parent("partners/swift-parcel");
    v1::ListContractRevisionsResponse revisions;
    EXPECT_TRUE(bob->ListContractRevisions(Deadline().get(), list, &revisions).ok());
    v1::ActivateContractRevisionRequest activate;
    activate.set_name(revisions.revisions(0).name());
    v1::ContractRevision active;
    return ReasonOf(bob->ActivateContractRevision(Deadline().get(), activate, &active));
  }
  RetailShop shop_;
};

// Clause: P1.4c
TEST_F(ContractDatesTest, AnExpiredContractIsNotPutInForce) {
  EXPECT_EQ(Activate("expires_on: \"2028-12-31\"", "expires_on: \"2026-02-01\""), "ERROR_REASON_CONTRACT_NOT_IN_FORCE");
  EXPECT_THAT(shop_.Disclose(RecordOf(PlainShipment("B-1")), "swift-parcel", "delivery").error().ShortDebugString(),
              HasSubstr("ERROR_REASON_PARTNER_NOT_ACTIVE"));
}

// Clause: P1.4a, P1.4c
TEST_F(ContractDatesTest, NorIsOneWhoseQualificationHasExpired) {
  EXPECT_EQ(Activate("expires_on: \"2028-06-30\"", "expires_on: \"2026-02-01\""), "ERROR_REASON_DOCUMENT_EXPIRED");
}

TEST_F(ContractDatesTest, NorIsOneThatBeginsLater) {
  EXPECT_EQ(Activate("effective_on: \"2026-01-01\"", "effective_on: \"2028-01-01\""),
            "ERROR_REASON_CONTRACT_NOT_IN_FORCE");
}

}  // namespace
}  // namespace postern::testing
