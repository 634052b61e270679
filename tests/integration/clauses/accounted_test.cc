// What is stored is sealed, what happens is in the audit log, and those who operate see neither names nor addresses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "absl/time/clock.h"
#include "tests/support/retail_shop.h"

namespace postern::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class AccountedTest : public ::testing::Test {
 protected:
  AccountedTest() { shop_.Open(); }

  // Every personal field of it holds "canary".
  static shop::v1::Shipment Personal(const std::string& reference) {
    shop::v1::Shipment shipment = PlainShipment(reference);
    shipment.set_customer_id("canary-customer");
    shipment.set_remark("canary-remark");
    shop::v1::Recipient* recipient = shipment.mutable_recipient();
    recipient->set_name("canary-name");
    recipient->set_email("canary-mail@example.org");
    recipient->mutable_address()->set_street("canary-street");
    recipient->mutable_address()->set_city("canary-city");
    return shipment;
  }

  RetailShop shop_;
};

// Clause: P1.3a
TEST_F(AccountedTest, NothingPersonalIsStoredInTheClear) {
  // One waits, one is delivered, one is a minor's.
  ASSERT_TRUE(shop_.Disclose(RecordOf(Personal("A-1")), "swift-parcel", "delivery").has_disclosure());
  ASSERT_THAT(shop_.FilesWith("canary"), IsEmpty());
  EXPECT_THAT(shop_.Receive("swift-parcel", 1).at(0).record().data(), HasSubstr("canary-name"));
  ASSERT_TRUE(shop_.Disclose(RecordOf(Personal("A-2")), "swift-parcel", "delivery").has_disclosure());
  shop::v1::Shipment minors = Personal("A-3");
  minors.mutable_recipient()->set_minor(true);
  ASSERT_TRUE(shop_.Disclose(RecordOf(minors), "nordic-freight", "delivery").has_disclosure());
  EXPECT_THAT(shop_.FilesWith("canary"), IsEmpty());
  shop_.gateway().process().Signal(SIGTERM);
  ASSERT_EQ(shop_.gateway().process().Wait(absl::Seconds(10)), 0);
  EXPECT_THAT(shop_.FilesWith("canary"), IsEmpty()) << "at rest";
}

// Clause: P1.3c
TEST_F(AccountedTest, DisclosuresRefusalsReadsAndActionsAreAllInTheAuditLog) {
  const v1::TargetResult disclosed = shop_.Disclose(RecordOf(Personal("A-4")), "swift-parcel", "delivery");
  ASSERT_TRUE(disclosed.has_disclosure());
  shop_.Disclose(RecordOf(Personal("A-5")), "swift-parcel", "marketing");
  v1::GetPartnerRequest get;
  get.set_name("partners/nordic-freight");
  v1::Partner partner;
  ASSERT_TRUE(shop_.Operator("vera")->GetPartner(Deadline().get(), get, &partner).ok());
  ASSERT_FALSE(shop_.Operator("vera")->CreatePartner(Deadline().get(), v1::CreatePartnerRequest(), &partner).ok());
  v1::SuspendPartnerRequest suspend;
  suspend.set_name(get.name());
  suspend.set_reason("test");
  v1::SuspendPartnerResponse suspended;
  ASSERT_TRUE(shop_.Operator("bob")->SuspendPartner(Deadline().get(), suspend, &suspended).ok());

  const std::string vera = "operators/spiffe://shop.test/people/vera";
  bool disclosure = false, refused_record = false, refused_call = false, read = false, action = false;
  for (int i = 0; i < 40 && !(refused_record && refused_call); ++i) {  // refusals are added up for a second
    absl::SleepFor(absl::Milliseconds(50));
    for (const v1::AuditEntry& entry : shop_.AuditEntries()) {
      EXPECT_THAT(entry.SerializeAsString(), Not(HasSubstr("canary")));
      disclosure |= entry.kind() == v1::AuditEntry::KIND_DISCLOSURE &&
                    entry.resource() == disclosed.disclosure().name() &&
                    entry.principal() == "storefront/spiffe://shop.test/storefront";
      refused_record |= entry.kind() == v1::AuditEntry::KIND_REFUSAL &&
                        entry.reason() == "ERROR_REASON_PURPOSE_NOT_GRANTED" &&
                        entry.resource() == "partners/swift-parcel";
      refused_call |= entry.kind() == v1::AuditEntry::KIND_REFUSAL && entry.reason() == "ERROR_REASON_ROLE_DENIED" &&
                      entry.principal() == vera;
      read |= entry.kind() == v1::AuditEntry::KIND_READ && entry.resource() == get.name() && entry.principal() == vera;
      action |= entry.kind() == v1::AuditEntry::KIND_STATE_CHANGE && entry.resource() == get.name() &&
                entry.principal() == "operators/spiffe://shop.test/people/bob";
    }
  }
  EXPECT_TRUE(disclosure);
  EXPECT_TRUE(refused_record);
  EXPECT_TRUE(refused_call);
  EXPECT_TRUE(read);
  EXPECT_TRUE(action);
}

// Clause: P1.3b
TEST_F(AccountedTest, ThoseWhoOperateSeeMetadataAndNoPersonalData) {
  ASSERT_TRUE(shop_.Disclose(RecordOf(Personal("A-6")), "swift-parcel", "delivery").has_disclosure());
  const auto context = Deadline();
  const auto partner = shop_.Partner("swift-parcel");
  const auto stream = partner->Receive(context.get());
  v1::ReceiveRequest request;
  request.set_add_records(1);
  request.set_add_bytes(1 << 20);
  ASSERT_TRUE(stream->Write(request));
  v1::ReceiveResponse received;
  ASSERT_TRUE(stream->Read(&received));
  v1::ReceiveRequest reject;
  reject.add_rejected()->set_delivery(received.records(0).delivery());
  reject.mutable_rejected(0)->set_action(v1::DeliveryRejection::ACTION_REJECT);
  ASSERT_TRUE(stream->Write(reject));
  const auto alice = shop_.Operator("alice");
  v1::ListDeadLettersRequest list;
  list.set_parent("partners/swift-parcel");
  v1::ListDeadLettersResponse letters;
  for (int i = 0; i < 100 && letters.dead_letters().empty(); ++i) {
    absl::SleepFor(absl::Milliseconds(20));
    ASSERT_TRUE(alice->ListDeadLetters(Deadline().get(), list, &letters).ok());
  }
  ASSERT_EQ(letters.dead_letters_size(), 1) << "what an operator sees most of";
  EXPECT_THAT(letters.SerializeAsString(), Not(HasSubstr("canary")));
  for (const char* person : {"bob", "vera"}) {
    v1::ListEntriesResponse entries;
    EXPECT_EQ(ReasonOf(v1::AuditService::NewStub(shop_.gateway().Person(person))
                           ->ListEntries(Deadline().get(), v1::ListEntriesRequest(), &entries)),
              "ERROR_REASON_ROLE_DENIED")
        << person;
  }
}

}  // namespace
}  // namespace postern::testing
