// What is stored of a disclosure and how it is read back.
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "policy/retail/shop/v1/shipment.pb.h"
#include "proto/errors/error.h"
#include "server/crypto/name_digest.h"
#include "server/disclosure/names.h"
#include "server/disclosure/reader.h"
#include "server/disclosure/resolver.h"
#include "server/disclosure/sealed_payload.h"
#include "server/registry/times.h"
#include "tests/unit/server/disclosure/gateway_fixture.h"

namespace postern::disclosure {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class LedgerTest : public testing::Test {
 protected:
  // The one pending record of swift-parcel.
  storage::PendingPayload Pending() {
    const auto backlog = gateway_.control->store->ReadBacklog(gateway_.IdOf(kSwift), 0, 10, 1 << 20);
    EXPECT_TRUE(backlog.ok()) << backlog.status();
    EXPECT_EQ(backlog->size(), 1u);
    return backlog->empty() ? storage::PendingPayload() : backlog->front();
  }
  absl::StatusOr<std::string> Unseal(const storage::PendingPayload& payload, absl::string_view purpose = "delivery") {
    const auto keys = FindPayloadKeys(*gateway_.control->keys, payload.key_ids);
    if (!keys.ok()) return keys.status();
    return OpenForPartner(*keys, payload.id, kSwift, purpose, "shop.v1.Shipment", payload.sealed_payload);
  }

  GatewayFixture gateway_;
};

// Clause: P1.3a
TEST_F(LedgerTest, APayloadIsSealedToItsContext) {
  gateway_.Disclose("S-1", 1);
  const storage::PendingPayload payload = Pending();
  EXPECT_THAT(payload.sealed_payload, Not(HasSubstr("Rosa")));
  const auto bytes = Unseal(payload);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_THAT(*bytes, HasSubstr("Rosa"));
  EXPECT_TRUE(absl::IsDataLoss(Unseal(payload, "returns").status()));
}

TEST_F(LedgerTest, ShreddingAnyOneKeyKillsThePayload) {
  for (const size_t victim : {0u, 1u, 2u, 3u}) {
    GatewayFixture gateway;
    gateway.Disclose("S-1", 1);
    const auto backlog = gateway.control->store->ReadBacklog(gateway.IdOf(kSwift), 0, 10, 1 << 20);
    ASSERT_TRUE(backlog.ok());
    const storage::PendingPayload& payload = backlog->front();
    // The customer, the phone's owner, the order, the partner's epoch.
    ASSERT_EQ(payload.key_ids.size(), 4u);
    const auto id = FromStored(payload.key_ids[victim]);
    ASSERT_TRUE(id.ok());
    ASSERT_TRUE(gateway.control->keys->Shred({*id}, gateway.now()).ok());
    EXPECT_EQ(ReasonOf(FindPayloadKeys(*gateway.control->keys, payload.key_ids).status()),
              v1::ERROR_REASON_KEY_SHREDDED)
        << victim;
  }
}

// Towards: W6c
TEST_F(LedgerTest, AMinorsKeysHangFromTheMinorsRootAndTheGuardianIsASubject) {
  v1::CreateDisclosureRequest request = gateway_.Shipment("S-1", 1);
  shop::v1::Shipment shipment;
  ASSERT_TRUE(shipment.ParseFromString(request.record().data()));
  shipment.mutable_recipient()->set_minor(true);
  shipment.mutable_recipient()->set_guardian_id("guardian-1");
  request.mutable_record()->set_data(shipment.SerializeAsString());
  ASSERT_EQ(gateway_.RefusalOf(request), v1::ERROR_REASON_UNSPECIFIED);
  const storage::PendingPayload payload = Pending();
  ASSERT_EQ(payload.key_ids.size(), 5u);
  const auto realm = [&](size_t i) { return FromStored(payload.key_ids[i])->realm(); };
  EXPECT_EQ(realm(0), crypto::KeyRealm::kMinors);
  EXPECT_EQ(realm(2), crypto::KeyRealm::kStandard);  // the guardian
  EXPECT_EQ(realm(3), crypto::KeyRealm::kMinors);    // the order
  const auto guardian =
      Truncated(crypto::DigestName(gateway_.control->keys->index_key(), crypto::NameDomain::kSubject, "guardian-1"));
  const auto found = gateway_.control->store->ListBySubject(guardian, 0, 10);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->size(), 1u);
}

// Who has a guardian is a minor, whatever the record says.
// Clause: W6c
TEST_F(LedgerTest, AWardIsAMinorWhateverTheRecordSays) {
  v1::CreateDisclosureRequest request = gateway_.Shipment("S-1", 1);
  shop::v1::Shipment shipment;
  ASSERT_TRUE(shipment.ParseFromString(request.record().data()));
  shipment.mutable_recipient()->set_minor(false);
  request.mutable_record()->set_data(shipment.SerializeAsString());
  registry::SubjectStanding ward;
  ward.minor_until = gateway_.now() + absl::Hours(1);
  gateway_.standings.Replace(Truncated(crypto::DigestName(gateway_.control->keys->index_key(),
                                                          crypto::NameDomain::kSubject, shipment.customer_id())),
                             ward);
  ASSERT_EQ(gateway_.RefusalOf(request), v1::ERROR_REASON_UNSPECIFIED);
  const storage::PendingPayload payload = Pending();
  EXPECT_EQ(FromStored(payload.key_ids[0])->realm(), crypto::KeyRealm::kMinors);
}

TEST_F(LedgerTest, TheSamePhoneIsFoundHoweverItIsWritten) {
  for (const char* phone : {"+41 44 000 00 00", "+41-44-000.00.00"}) {
    v1::CreateDisclosureRequest request = gateway_.Shipment(absl::StrCat("S-", phone), 1);
    shop::v1::Shipment shipment;
    ASSERT_TRUE(shipment.ParseFromString(request.record().data()));
    shipment.clear_customer_id();
    shipment.mutable_recipient()->set_phone(phone);
    request.mutable_record()->set_data(shipment.SerializeAsString());
    ASSERT_EQ(gateway_.RefusalOf(request), v1::ERROR_REASON_UNSPECIFIED);
  }
  const auto backlog = gateway_.control->store->ReadBacklog(gateway_.IdOf(kSwift), 0, 10, 1 << 20);
  ASSERT_TRUE(backlog.ok());
  ASSERT_EQ(backlog->size(), 2u);
  // One person to the index, a key of its own for each order.
  EXPECT_NE((*backlog)[0].key_ids[0], (*backlog)[1].key_ids[0]);
  const auto subject =
      Truncated(crypto::DigestName(gateway_.control->keys->index_key(), crypto::NameDomain::kContact, "+41440000000"));
  const auto found = gateway_.control->store->ListBySubject(subject, 0, 10);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->size(), 2u);
}

TEST_F(LedgerTest, ReadsAreNotAuditedTwiceAndPaged) {
  registry::GrantArchive archive(gateway_.store.get());
  Reader reader(&gateway_.control->holder, &archive, gateway_.store.get(), gateway_.control->keys.get(), "log",
                gateway_.clock());
  std::string name;
  for (int i = 0; i < 5; ++i) name = gateway_.Disclose(absl::StrCat("S-", i), 1);
  v1::GetDisclosureRequest get;
  get.set_name(name);
  const auto disclosure = reader.Get(get);
  ASSERT_TRUE(disclosure.ok()) << disclosure.status();
  EXPECT_EQ(disclosure->state(), v1::DISCLOSURE_STATE_PENDING);
  bool email_withheld = false;
  for (const auto& field : disclosure->withheld()) email_withheld |= field.path() == "account_email";
  EXPECT_TRUE(email_withheld);

  v1::ListDisclosuresRequest list;
  list.set_parent(std::string(kSwift));
  list.set_page_size(2);
  std::vector<std::string> names;
  do {
    const auto page = reader.List(list);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const auto& one : page->disclosures()) names.push_back(one.name());
    list.set_page_token(page->next_page_token());
  } while (!list.page_token().empty());
  EXPECT_EQ(names.size(), 5u);
  EXPECT_EQ(names.front(), name);

  list.set_page_token("x");
  EXPECT_EQ(ReasonOf(reader.List(list).status()), v1::ERROR_REASON_INVALID_ARGUMENT);
  get.set_name(absl::StrCat(kNordic, "/disclosures/", name.substr(name.rfind('/') + 1)));
  EXPECT_EQ(ReasonOf(reader.Get(get).status()), v1::ERROR_REASON_NOT_FOUND);
  EXPECT_TRUE(gateway_.Audit(v1::AuditEntry::KIND_READ).empty()) << "the gate has done it for the call";
}

TEST_F(LedgerTest, WhatWasWithheldIsToldUnderLaterPlansToo) {
  registry::GrantArchive archive(gateway_.store.get());
  Reader reader(&gateway_.control->holder, &archive, gateway_.store.get(), gateway_.control->keys.get(), "log",
                gateway_.clock());
  v1::GetDisclosureRequest get;
  get.set_name(gateway_.Disclose("S-1", 1));
  const auto withheld = [&] {
    const auto disclosure = reader.Get(get);
    EXPECT_TRUE(disclosure.ok()) << disclosure.status();
    std::vector<std::string> fields;
    for (const auto& field : disclosure->withheld()) fields.push_back(field.ShortDebugString());
    return fields;
  };
  const std::vector<std::string> before = withheld();
  EXPECT_FALSE(before.empty());
  const std::pair<std::string, std::string> phone{"  fields { path: \"recipient.phone\" }\n", ""};
  v1::ApplyPolicyBundleRequest request;
  // Another policy, then another plan too, then no contract at all.
  for (const std::vector<std::pair<std::string, std::string>>& edit :
       {std::vector<std::pair<std::string, std::string>>{{"version: \"2026-01\"", "version: \"2026-02\""}}, {phone}}) {
    *request.mutable_bundle() = gateway_.control->Bundle(edit);
    ASSERT_TRUE(gateway_.control->bundles.ApplyPolicyBundle("operators/alice", request).ok());
    EXPECT_EQ(withheld(), before);
  }
  auto& files = *request.mutable_bundle()->mutable_files();
  files.erase(std::find_if(files.begin(), files.end(),
                           [](const auto& file) { return file.name().find("swift-parcel") != std::string::npos; }));
  ASSERT_TRUE(gateway_.control->bundles.ApplyPolicyBundle("operators/alice", request).ok());
  EXPECT_EQ(withheld(), before);
}

TEST_F(LedgerTest, OrderEventsAreCheckedAndAudited) {
  registry::GrantArchive archive(gateway_.store.get());
  Reader reader(&gateway_.control->holder, &archive, gateway_.store.get(), gateway_.control->keys.get(), "log",
                gateway_.clock());
  v1::ReportOrderEventRequest request;
  EXPECT_EQ(ReasonOf(reader.ReportOrderEvent(gateway_.shop(), request).status()), v1::ERROR_REASON_INVALID_ARGUMENT);
  request.set_order_id("order-secret");
  request.set_event(v1::ORDER_EVENT_DELIVERED);
  registry::SetTime(gateway_.now() + absl::Hours(1), request.mutable_event_time());
  EXPECT_EQ(ReasonOf(reader.ReportOrderEvent(gateway_.shop(), request).status()), v1::ERROR_REASON_INVALID_ARGUMENT);
  registry::SetTime(gateway_.now(), request.mutable_event_time());
  const size_t before = gateway_.Audit(v1::AuditEntry::KIND_STATE_CHANGE).size();
  ASSERT_TRUE(reader.ReportOrderEvent(gateway_.shop(), request).ok());
  const auto entries = gateway_.Audit(v1::AuditEntry::KIND_STATE_CHANGE);
  ASSERT_EQ(entries.size(), before + 1);
  EXPECT_THAT(entries.back().SerializeAsString(), Not(HasSubstr("order-secret")));
}

}  // namespace
}  // namespace postern::disclosure
