#include "server/disclosure/discloser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "policy/retail/shop/v1/shipment.pb.h"
#include "proto/errors/error.h"
#include "proto/errors/rpc_status.h"
#include "server/disclosure/sealed_payload.h"
#include "tests/unit/server/disclosure/gateway_fixture.h"

namespace postern::disclosure {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Keeps what was released.
class RecordingSink : public ReleaseSink {
 public:
  std::vector<storage::DispatchMark> MarksFor(absl::Span<const storage::NewDisclosure>, int64_t) override { return {}; }
  void OnCommitted(std::vector<CommittedDisclosure> disclosures) override {
    for (CommittedDisclosure& disclosure : disclosures) released.push_back(std::move(disclosure));
  }
  void OnUncertain() override { ++uncertain; }

  std::vector<CommittedDisclosure> released;
  int uncertain = 0;
};

class DiscloserTest : public testing::Test {
 protected:
  RecordingSink sink_;
  GatewayFixture gateway_{[this](GatewayFixture&) { return &sink_; }};
};

// Clause: P1.1a
TEST_F(DiscloserTest, ReleasesTheProjectionAndAccountsForItFirst) {
  const auto request = gateway_.Shipment("S-1", 1);
  const auto response = gateway_.Create(request);
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_EQ(response->results_size(), 1);
  const v1::Disclosure& receipt = response->results(0).disclosure();
  EXPECT_EQ(receipt.purpose(), "delivery");
  EXPECT_EQ(receipt.request_id(), request.request_id());
  EXPECT_EQ(receipt.handle().size(), 32u);
  EXPECT_EQ(receipt.audit().leaf_hash().size(), 32u);
  EXPECT_EQ(receipt.record_version(), 1u);
  EXPECT_EQ(gateway_.discloser->compared(), 1u);

  ASSERT_EQ(sink_.released.size(), 1u);
  shop::v1::Shipment sent;
  ASSERT_TRUE(sent.ParseFromString(*sink_.released[0].bytes));
  EXPECT_EQ(sent.recipient().name(), "Rosa Beispiel");
  EXPECT_EQ(sent.account_email(), "");
  EXPECT_EQ(sent.recommendation_slot(), "");
  EXPECT_NE(sent.customer_id(), "customer-1");

  const auto entries = gateway_.Audit(v1::AuditEntry::KIND_DISCLOSURE);
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].resource(), receipt.name());
  EXPECT_EQ(entries[0].principal(), "storefront/shop.example");
  EXPECT_THAT(entries[0].SerializeAsString(), Not(HasSubstr("Rosa")));
}

TEST_F(DiscloserTest, GivesEveryTargetItsOwnResult) {
  const auto response =
      gateway_.Create(gateway_.Shipment("S-1", 1, {std::string(kSwift), "partners/nobody", std::string(kNordic)}));
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_EQ(response->results_size(), 3);
  EXPECT_TRUE(response->results(0).has_disclosure());
  EXPECT_EQ(ReasonOf(FromRpcStatus(response->results(1).error())), v1::ERROR_REASON_PARTNER_UNKNOWN);
  EXPECT_TRUE(response->results(2).has_disclosure()) << response->results(2).error().message();
  // The same record at two partners has two unlinkable handles.
  EXPECT_NE(response->results(0).disclosure().handle(), response->results(2).disclosure().handle());
}

TEST_F(DiscloserTest, RefusesAndReleasesNothing) {
  struct Case {
    const char* what;
    std::function<void(v1::CreateDisclosureRequest*)> spoil;
    v1::ErrorReason reason;
  };
  const Case cases[] = {
      {"no id", [](auto* r) { r->clear_request_id(); }, v1::ERROR_REASON_INVALID_ARGUMENT},
      {"odd id", [](auto* r) { r->set_request_id("f47ac10b-58cc-4372-a567-0e02b2c3d479"); },
       v1::ERROR_REASON_REQUEST_ID_INVALID},
      {"old id", [](auto* r) { r->set_request_id("01890a5d-ac96-774b-bcce-b302099a8057"); },
       v1::ERROR_REASON_REQUEST_ID_EXPIRED},
      {"no target", [](auto* r) { r->clear_targets(); }, v1::ERROR_REASON_INVALID_ARGUMENT},
      {"target twice", [](auto* r) { *r->add_targets() = r->targets(0); }, v1::ERROR_REASON_INVALID_ARGUMENT},
      {"too large", [](auto* r) { r->mutable_record()->mutable_data()->resize((1 << 20) + 1); },
       v1::ERROR_REASON_RECORD_TOO_LARGE},
      {"type", [](auto* r) { r->mutable_record()->set_type("shop.v1.Nothing"); }, v1::ERROR_REASON_RECORD_TYPE_UNKNOWN},
      {"version", [](auto* r) { r->set_policy_version("1999"); }, v1::ERROR_REASON_POLICY_VERSION},
      {"partner", [](auto* r) { r->mutable_targets(0)->set_partner("partners/x"); }, v1::ERROR_REASON_PARTNER_UNKNOWN},
      {"purpose", [](auto* r) { r->mutable_targets(0)->set_purpose("marketing"); },
       v1::ERROR_REASON_PURPOSE_NOT_GRANTED},
      {"malformed", [](auto* r) { r->mutable_record()->set_data("\xff\xff"); }, v1::ERROR_REASON_RECORD_MALFORMED},
      {"no key", [](auto* r) { r->mutable_record()->clear_data(); }, v1::ERROR_REASON_RECORD_KEY_MISSING},
  };
  for (const Case& c : cases) {
    v1::CreateDisclosureRequest request = gateway_.Shipment("S-1", 1);
    c.spoil(&request);
    EXPECT_EQ(gateway_.RefusalOf(request), c.reason) << c.what << " gave " << gateway_.RefusalOf(request);
  }
  EXPECT_TRUE(sink_.released.empty());
  EXPECT_TRUE(gateway_.Audit(v1::AuditEntry::KIND_DISCLOSURE).empty());
}

TEST_F(DiscloserTest, RefusesAnExchangePartnerAndAContractThatHasExpired) {
  const v1::ExchangeRequest payment = gateway_.Payment("P-1");
  v1::CreateDisclosureRequest request;
  request.set_request_id(payment.request_id());
  *request.mutable_record() = payment.record();
  *request.add_targets() = payment.target();
  EXPECT_EQ(gateway_.RefusalOf(request), v1::ERROR_REASON_INVALID_ARGUMENT);

  gateway_.Advance(absl::Hours(24 * 365 * 3));
  const v1::ErrorReason late = gateway_.RefusalOf(gateway_.Shipment("S-1", 1));
  EXPECT_TRUE(late == v1::ERROR_REASON_CONTRACT_NOT_IN_FORCE || late == v1::ERROR_REASON_DOCUMENT_EXPIRED) << late;
}

// Clause: P1.3c
TEST_F(DiscloserTest, AuditsRefusalsSummedUpAndWithoutWhatTheCallerWrote) {
  for (int i = 0; i < 3; ++i) gateway_.RefusalOf(gateway_.Shipment("S-1", 1, {"partners/rosa-beispiel"}));
  v1::CreateDisclosureRequest request = gateway_.Shipment("S-1", 1);
  request.mutable_targets(0)->set_purpose("marketing");
  gateway_.RefusalOf(request);
  ASSERT_TRUE(gateway_.refusals->Flush().ok());
  const auto entries = gateway_.Audit(v1::AuditEntry::KIND_REFUSAL);
  ASSERT_EQ(entries.size(), 2u);
  for (const v1::AuditEntry& entry : entries) {
    EXPECT_EQ(entry.principal(), "storefront/shop.example");
    if (entry.reason() == "ERROR_REASON_PARTNER_UNKNOWN") {
      EXPECT_EQ(entry.count(), 3);
      EXPECT_EQ(entry.resource(), "");
    } else {
      EXPECT_EQ(entry.reason(), "ERROR_REASON_PURPOSE_NOT_GRANTED");
      EXPECT_EQ(entry.resource(), kSwift);
    }
  }
}

TEST_F(DiscloserTest, AnswersARetryWithTheOriginalAcrossARestart) {
  const v1::CreateDisclosureRequest request = gateway_.Shipment("S-1", 1);
  const auto first = gateway_.Create(request);
  ASSERT_TRUE(first.ok()) << first.status();
  gateway_.Restart(nullptr, [this](GatewayFixture&) { return &sink_; });
  const auto again = gateway_.Create(request);
  ASSERT_TRUE(again.ok()) << again.status();
  v1::Disclosure original = first->results(0).disclosure();
  EXPECT_EQ(again->results(0).disclosure().SerializeAsString(), original.SerializeAsString());
  EXPECT_EQ(sink_.released.size(), 1u);

  v1::CreateDisclosureRequest other = gateway_.Shipment("S-2", 1);
  other.set_request_id(request.request_id());
  EXPECT_EQ(gateway_.RefusalOf(other), v1::ERROR_REASON_REQUEST_ID_REUSED);
}

// What a retry gets after `change`, which must make a fresh request be refused with `reason`.
class RetryTest : public DiscloserTest {
 protected:
  void ExpectOriginalAfter(const std::function<void()>& change, v1::ErrorReason reason) {
    v1::CreateDisclosureRequest request = gateway_.Shipment("S-1", 1);
    request.set_policy_version("2026-01");
    const auto first = gateway_.Create(request);
    ASSERT_TRUE(first.ok() && first->results(0).has_disclosure()) << first.status();
    const v1::Disclosure original = first->results(0).disclosure();
    change();

    v1::CreateDisclosureRequest fresh = gateway_.Shipment("S-2", 1);
    fresh.set_policy_version("2026-01");
    EXPECT_EQ(gateway_.RefusalOf(fresh), reason);
    const auto again = gateway_.Create(request);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->results(0).disclosure().name(), original.name()) << again->results(0).error().message();
    EXPECT_EQ(again->results(0).disclosure().audit().SerializeAsString(), original.audit().SerializeAsString());
    const auto batch = gateway_.CreateBatch({fresh, request});
    ASSERT_TRUE(batch.ok()) << batch.status();
    EXPECT_EQ((*batch)[1].results(0).disclosure().name(), original.name());

    v1::CreateDisclosureRequest other = fresh;
    other.set_request_id(request.request_id());
    EXPECT_EQ(gateway_.RefusalOf(other), v1::ERROR_REASON_REQUEST_ID_REUSED);
    EXPECT_EQ(sink_.released.size(), 1u);
  }
  // Puts swift-parcel in `state`.
  void Move(v1::PartnerState state) {
    storage::PartnerRow row = gateway_.control->Row(kSwift);
    row.partner.set_state(state);
    storage::ChangeSet change;
    change.partners.push_back({row, row.partner.etag()});
    ASSERT_TRUE(gateway_.control->store->Apply(change).ok());
    ASSERT_TRUE(gateway_.control->snapshots->Rebuild().ok());
  }
  void Apply(const std::vector<std::pair<std::string, std::string>>& edit, const std::string& leave_out = "none") {
    v1::ApplyPolicyBundleRequest request;
    const v1::PolicyBundle bundle = gateway_.control->Bundle(edit);
    request.mutable_bundle()->set_descriptor_set(bundle.descriptor_set());
    for (const auto& file : bundle.files()) {
      if (file.name().find(leave_out) == std::string::npos) *request.mutable_bundle()->add_files() = file;
    }
    const auto applied = gateway_.control->bundles.ApplyPolicyBundle("operators/alice", request);
    ASSERT_TRUE(applied.ok()) << applied.status();
  }
};

TEST_F(RetryTest, GetsTheOriginalFromASuspendedPartner) {
  ExpectOriginalAfter([&] { Move(v1::PARTNER_STATE_SUSPENDED); }, v1::ERROR_REASON_PARTNER_SUSPENDED);
}

TEST_F(RetryTest, GetsTheOriginalFromATerminatedPartnerWhoseKeysAreGone) {
  const auto terminate = [&] {
    const storage::PartnerRow row = gateway_.control->Row(kSwift);
    for (const crypto::Uuid& key : {row.epoch_key, row.pseudonym_key}) {
      ASSERT_TRUE(gateway_.control->keys->Shred({*FromStored(key)}, gateway_.now()).ok());
    }
    Move(v1::PARTNER_STATE_TERMINATING);
  };
  ExpectOriginalAfter(terminate, v1::ERROR_REASON_PARTNER_TERMINATED);
}

TEST_F(RetryTest, GetsTheOriginalWhenTheSealWouldFail) {
  const auto shred = [&] {
    const storage::PartnerRow row = gateway_.control->Row(kSwift);
    ASSERT_TRUE(gateway_.control->keys->Shred({*FromStored(row.epoch_key)}, gateway_.now()).ok());
  };
  ExpectOriginalAfter(shred, v1::ERROR_REASON_KEY_SHREDDED);
}

TEST_F(RetryTest, GetsTheOriginalAfterItsContractHasEnded) {
  ExpectOriginalAfter([&] { Apply({}, "swift-parcel"); }, v1::ERROR_REASON_PURPOSE_NOT_GRANTED);
}

TEST_F(RetryTest, GetsTheOriginalUnderANewPolicyVersion) {
  ExpectOriginalAfter(
      [&] {
        Apply({{"version: \"2026-01\"", "version: \"2026-02\""}});
      },
      v1::ERROR_REASON_POLICY_VERSION);
}

TEST_F(RetryTest, IsRefusedOnceASubjectIsForgotten) {
  const v1::CreateDisclosureRequest request = gateway_.Shipment("S-1", 1);
  ASSERT_TRUE(gateway_.Create(request).ok());
  for (const crypto::Uuid& stored : sink_.released.at(0).payload.key_ids) {
    const crypto::KeyId key = *FromStored(stored);
    if (key.kind() != crypto::KeyKind::kSubject) continue;
    ASSERT_TRUE(gateway_.control->keys->Shred({key}, gateway_.now()).ok());
  }
  Move(v1::PARTNER_STATE_SUSPENDED);
  EXPECT_EQ(gateway_.RefusalOf(request), v1::ERROR_REASON_PARTNER_SUSPENDED) << "nobody can tell what it held";
}

TEST_F(DiscloserTest, SkipsLaterRecordsOfAKeyAfterARefusalInABatch) {
  v1::CreateDisclosureRequest card = gateway_.Shipment("S-2", 1);
  shop::v1::Shipment shipment;
  ASSERT_TRUE(shipment.ParseFromString(card.record().data()));
  shipment.mutable_recipient()->clear_name();  // required by the contract
  card.mutable_record()->set_data(shipment.SerializeAsString());
  const auto answers = gateway_.CreateBatch({
      gateway_.Shipment("S-1", 5),  // committed
      gateway_.Shipment("S-1", 4),  // stale: refused by the ledger
      gateway_.Shipment("S-1", 6),  // would be fine, but comes after a refusal
      card,                         // refused by the projection
      gateway_.Shipment("S-2", 2),  // comes after it
      gateway_.Shipment("S-3", 1),  // another key
  });
  ASSERT_TRUE(answers.ok()) << answers.status();
  ASSERT_EQ(answers->size(), 6u);
  const auto reason = [&](size_t i) { return ReasonOf(FromRpcStatus((*answers)[i].results(0).error())); };
  EXPECT_TRUE((*answers)[0].results(0).has_disclosure());
  EXPECT_EQ(reason(1), v1::ERROR_REASON_RECORD_VERSION_STALE);
  EXPECT_EQ(reason(2), v1::ERROR_REASON_EARLIER_RECORD_REFUSED);
  EXPECT_EQ(reason(3), v1::ERROR_REASON_REQUIRED_FIELD_MISSING);
  EXPECT_EQ(reason(4), v1::ERROR_REASON_EARLIER_RECORD_REFUSED);
  EXPECT_TRUE((*answers)[5].results(0).has_disclosure());
}

TEST_F(DiscloserTest, PreviewsAsManyTargetsAsARequestMayHave) {
  v1::PreviewDisclosureRequest request;
  *request.mutable_record() = gateway_.Shipment("S-1", 1).record();
  for (int i = 0; i < 9; ++i) {
    v1::DisclosureTarget& target = *request.add_targets();
    target.set_partner(absl::StrCat("partners/carrier-", i));
    target.set_purpose("delivery");
  }
  EXPECT_EQ(ReasonOf(gateway_.discloser->Preview(request).status()), v1::ERROR_REASON_INVALID_ARGUMENT);
  request.mutable_targets()->RemoveLast();
  EXPECT_TRUE(gateway_.discloser->Preview(request).ok());
}

TEST_F(DiscloserTest, PreviewsWithoutDisclosing) {
  v1::PreviewDisclosureRequest request;
  *request.mutable_record() = gateway_.Shipment("S-1", 1).record();
  const auto response = gateway_.discloser->Preview(request);
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_GE(response->previews_size(), 2);  // both carriers
  for (const auto& preview : response->previews()) {
    ASSERT_FALSE(preview.has_error()) << preview.error().message();
    EXPECT_THAT(preview.record().data(), HasSubstr("Rosa"));
    EXPECT_THAT(preview.record().data(), Not(HasSubstr("account@customer")));
    bool slot_withheld = false;
    for (const auto& field : preview.withheld()) slot_withheld |= field.path() == "recommendation_slot";
    EXPECT_TRUE(slot_withheld);
  }
  EXPECT_TRUE(sink_.released.empty());
  EXPECT_TRUE(gateway_.Audit(v1::AuditEntry::KIND_DISCLOSURE).empty());
}

}  // namespace
}  // namespace postern::disclosure
