// Who may have what for which purpose, and under which policy it left.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/support/retail_shop.h"

namespace postern::testing {
namespace {

using ::testing::HasSubstr;

class PurposeTest : public ::testing::Test {
 protected:
  RetailShop shop_;
};

std::string ReasonIn(const v1::TargetResult& result) {
  return result.error().ShortDebugString();
}

// Clause: P1.2a, W2a
TEST_F(PurposeTest, AGrantHoldsForItsPurposeAlone) {
  shop_.Open();
  const v1::Record record = RecordOf(PlainShipment("P-1"));
  for (const char* purpose : {"customs", "return_transit", "settlement", "recommendation", "marketing", "anything"}) {
    EXPECT_THAT(ReasonIn(shop_.Disclose(record, "swift-parcel", purpose)),
                HasSubstr("ERROR_REASON_PURPOSE_NOT_GRANTED"))
        << purpose;
  }
  EXPECT_EQ(shop_.Pending("swift-parcel"), 0);

  // One partner, one record, two purposes: each delivery holds what its own purpose needs, under a handle of its own.
  ASSERT_TRUE(shop_.Disclose(record, "nordic-freight", "delivery").has_disclosure());
  ASSERT_TRUE(shop_.Disclose(record, "nordic-freight", "return_transit").has_disclosure());
  std::set<std::string> purposes, handles;
  for (const v1::DeliveredRecord& got : shop_.Receive("nordic-freight", 2)) {
    purposes.insert(got.purpose());
    handles.insert(got.handle());
    shop::v1::Shipment seen;
    ASSERT_TRUE(seen.ParseFromString(got.record().data()));
    EXPECT_EQ(seen.recipient().phone().empty(), got.purpose() == "return_transit") << got.purpose();
  }
  EXPECT_EQ(purposes, (std::set<std::string>{"delivery", "return_transit"}));
  EXPECT_EQ(handles.size(), 2u);
}

bool CarriesRecords(const google::protobuf::Descriptor* message, std::set<const google::protobuf::Descriptor*>* seen) {
  if (message->full_name() == "postern.v1.Record") return true;
  if (!seen->insert(message).second) return false;
  for (int i = 0; i < message->field_count(); ++i) {
    const auto* inner = message->field(i)->message_type();
    if (inner != nullptr && CarriesRecords(inner, seen)) return true;
  }
  return false;
}

// Clause: W4a
TEST_F(PurposeTest, RecordsComeOutOfDeliveriesUnderAContractAndOfNothingElse) {
  std::set<std::string> ways_out;
  for (const auto* file : {v1::CreateDisclosureRequest::descriptor()->file(), v1::ReceiveRequest::descriptor()->file(),
                           v1::GetPartnerRequest::descriptor()->file(), v1::ListEntriesRequest::descriptor()->file()}) {
    for (int i = 0; i < file->service_count(); ++i) {
      for (int j = 0; j < file->service(i)->method_count(); ++j) {
        std::set<const google::protobuf::Descriptor*> seen;
        const auto* method = file->service(i)->method(j);
        if (CarriesRecords(method->output_type(), &seen)) ways_out.insert(method->full_name());
      }
    }
  }
  // To the shop: what a partner answered, and the projection of the record that it has just sent. To a partner: its
  // own.
  EXPECT_EQ(ways_out,
            (std::set<std::string>{"postern.v1.PartnerService.Receive", "postern.v1.StorefrontService.Exchange",
                                   "postern.v1.StorefrontService.PreviewDisclosure",
                                   "postern.v1.StorefrontService.WatchOutcomes"}));

  shop_.Open();
  const v1::Record record = RecordOf(PlainShipment("P-2"));
  EXPECT_THAT(ReasonIn(shop_.Disclose(record, "clear-pay", "delivery")), HasSubstr("ERROR_REASON_PURPOSE_NOT_GRANTED"))
      << "its contract has no shipments";
  shop_.gateway().CreatePartner("data-broker", "logistics");
  EXPECT_THAT(ReasonIn(shop_.Disclose(record, "data-broker", "delivery")), HasSubstr("ERROR_REASON_PARTNER_NOT_ACTIVE"))
      << "it has no contract";
  const auto context = Deadline();
  const auto stub = shop_.Partner("data-broker");
  const auto stream = stub->Receive(context.get());
  v1::ReceiveResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(ReasonOf(stream->Finish()), "ERROR_REASON_PARTNER_NOT_ACTIVE");
  ASSERT_TRUE(shop_.Disclose(record, "swift-parcel", "delivery").has_disclosure());
  EXPECT_EQ(shop_.Pending("nordic-freight"), 0) << "what is another's";
}

// Clause: P1.4a
TEST_F(PurposeTest, ThereIsNoFourthKindOfPartner) {
  v1::CreatePartnerRequest request;
  request.mutable_partner()->set_name("partners/data-broker");
  request.mutable_partner()->set_legal_entity("Data Broker Ltd");
  v1::Partner partner;
  for (const char* kind : {"marketing", "analytics", ""}) {
    request.mutable_partner()->set_kind(kind);
    const grpc::Status status = shop_.Operator("alice")->CreatePartner(Deadline().get(), request, &partner);
    EXPECT_EQ(ReasonOf(status), "ERROR_REASON_INVALID_ARGUMENT") << kind;
    EXPECT_THAT(status.error_message(), HasSubstr("partner.kind: must be logistics, payment or support"));
  }
}

constexpr char kSupportContract[] = R"(# proto-message: postern.v1.Contract
name: "partners/help-desk/contracts/repair"
partner_kind: "support"
effective_on: "2026-01-01" expires_on: "2028-12-31"
legal { role: PROCESSOR recipient_country: "CH" transfer_basis: ADEQUACY }
documents { kind: CONFIDENTIALITY_AGREEMENT sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" signatory: "COO" signed_on: "2025-12-01" }
documents { kind: PRIVACY_COMMITMENT sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" signatory: "COO" signed_on: "2025-12-01" }
documents { kind: QUALIFICATION sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" expires_on: "2028-06-30" }
grants {
  purpose: "support" record_type: "shop.v1.SupportCase" justification: "repair"
  fields { path: "case_number" } fields { path: "messages.text" }
}
delivery { receive {} max_pending_hours: 48 max_unacknowledged: 64 }
partner_retention { days: 30 starts_on: DISCLOSED }
deletion { locator_path: "case_number" due_days: 7 attestation: PARTNER_KEY }
)";

// Clause: P1.4a
// Towards: W2b
TEST_F(PurposeTest, SupportGetsNothingWithoutConsent) {
  shop_.gateway().CreatePartner("help-desk", "support");
  shop_.Open([](v1::PolicyBundle* bundle) {
    v1::PolicyBundle::SourceFile* file = bundle->add_files();
    file->set_name("contracts/help-desk.txtpb");
    file->set_text(kSupportContract);
  });
  shop_.gateway().ActivatePending("help-desk");
  v1::Record record;
  record.set_type("shop.v1.SupportCase");
  // case_number "C-1", customer_id "customer-1", messages { text: "broken" }
  record.set_data(
      "\x0a\x03"
      "C-1"
      "\x1a\x0a"
      "customer-1"
      "\x22\x08\x1a\x06"
      "broken");
  EXPECT_THAT(ReasonIn(shop_.Disclose(record, "help-desk", "support")), HasSubstr("ERROR_REASON_CONSENT_REQUIRED"));
}

// Clause: W8
TEST_F(PurposeTest, EveryDisclosureSaysUnderWhichPolicyAndContractItLeft) {
  shop_.Open();
  const v1::TargetResult result = shop_.Disclose(RecordOf(PlainShipment("P-3")), "swift-parcel", "delivery");
  ASSERT_TRUE(result.has_disclosure());
  EXPECT_EQ(result.disclosure().policy_version(), "2026-01");
  EXPECT_THAT(result.disclosure().contract_revision(), HasSubstr("partners/swift-parcel/contracts/parcel/revisions/"));
  const v1::DeliveredRecord got = shop_.Receive("swift-parcel", 1).at(0);
  EXPECT_EQ(got.policy_version(), "2026-01");
  EXPECT_EQ(got.contract_revision(), result.disclosure().contract_revision());
  bool audited = false;
  for (const v1::AuditEntry& entry : shop_.AuditEntries()) {
    if (entry.kind() != v1::AuditEntry::KIND_DISCLOSURE) continue;
    audited = true;
    EXPECT_EQ(entry.disclosure().policy_version(), "2026-01");
    EXPECT_EQ(entry.disclosure().contract_revision(), result.disclosure().contract_revision());
  }
  EXPECT_TRUE(audited);
  v1::CreateDisclosureRequest outdated =
      RetailShop::RequestFor(RecordOf(PlainShipment("P-4")), "swift-parcel", "delivery");
  outdated.set_policy_version("2025-07");
  v1::CreateDisclosureResponse response;
  EXPECT_EQ(ReasonOf(shop_.Storefront()->CreateDisclosure(Deadline().get(), outdated, &response)),
            "ERROR_REASON_POLICY_VERSION");
}

}  // namespace
}  // namespace postern::testing
