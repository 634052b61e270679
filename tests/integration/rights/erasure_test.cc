// Access, erasure and account cancellation, over the real listeners.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/registry/times.h"
#include "tests/integration/rights/rights_fixture.h"

namespace postern::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using Request = v1::SubjectRequest;

// Clause: P1.5a, W5a
TEST_F(RightsTest, TheAccessReportTellsWhoReceivedWhatAndUnderWhichTerms) {
  const Outcome received = Disclose(Shipment("A-1", "anna"));
  Receive(1);
  const Outcome waiting = Disclose(Shipment("A-2", "anna"));
  Disclose(Shipment("A-3", "bert"));

  const Request asked = Ask("anna", Request::KIND_ACCESS);
  EXPECT_EQ(asked.state(), Request::STATE_OPEN);
  v1::GetAccessReportRequest get;
  get.set_name(asked.name());
  v1::GetAccessReportResponse report;
  EXPECT_EQ(testing::ReasonOf(rights_->GetAccessReport(Deadline().get(), get, &report)), "ERROR_REASON_REQUEST_STATE");
  Request ran;
  ASSERT_TRUE(Run(asked.name(), &ran).ok());
  EXPECT_EQ(ran.state(), Request::STATE_FULFILLED);

  // Until the entries are in a published checkpoint.
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(rights_->GetAccessReport(Deadline().get(), get, &report).ok());
    if (report.entries_size() == 2 && !report.entries(1).inclusion_path().empty()) break;
    absl::SleepFor(absl::Milliseconds(100));
  }
  ASSERT_EQ(report.entries_size(), 2);
  const v1::AccessEntry& first = report.entries(0);
  EXPECT_EQ(first.disclosure().name(), received.disclosure.name());
  EXPECT_EQ(first.disclosure().state(), v1::DISCLOSURE_STATE_DELIVERED);
  EXPECT_EQ(first.disclosure().purpose(), "delivery");
  EXPECT_EQ(first.disclosure().contract_revision(), received.disclosure.contract_revision());
  EXPECT_EQ(first.disclosure().policy_version(), received.disclosure.policy_version());
  EXPECT_EQ(first.partner(), "partners/swift-parcel");
  EXPECT_EQ(first.legal_entity(), "swift-parcel Ltd");
  EXPECT_EQ(report.entries(1).disclosure().name(), waiting.disclosure.name());
  EXPECT_EQ(report.entries(1).disclosure().state(), v1::DISCLOSURE_STATE_PENDING);
  bool name_told = false;
  for (const auto& field : first.fields()) {
    EXPECT_NE(field.path(), "preferences.alternative_recipient") << "it was withheld for want of consent";
    if (field.path() == "recipient.name") name_told = field.category() == "delivery_name";
  }
  EXPECT_TRUE(name_told);
  EXPECT_FALSE(first.inclusion_path().empty());
}

TEST_F(RightsTest, PagesOfTheReportTellEachDisclosureOnce) {
  for (int i = 0; i < 5; ++i) Disclose(Shipment(absl::StrCat("P-", i), "anna"));
  Request ran;
  ASSERT_TRUE(Run(Ask("anna", Request::KIND_ACCESS).name(), &ran).ok());
  v1::GetAccessReportRequest get;
  get.set_name(ran.name());
  get.set_page_size(2);
  std::vector<std::string> told;
  do {
    v1::GetAccessReportResponse page;
    ASSERT_TRUE(rights_->GetAccessReport(Deadline().get(), get, &page).ok());
    for (const auto& entry : page.entries()) told.push_back(entry.disclosure().name());
    get.set_page_token(page.next_page_token());
  } while (!get.page_token().empty());
  EXPECT_THAT(told, SizeIs(5));
  EXPECT_EQ(std::set<std::string>(told.begin(), told.end()).size(), 5u);
}

// Clause: P1.5c, W5c
TEST_F(RightsTest, ErasureKillsWhatIsStoredAndIsFollowedToASignedEnd) {
  const Outcome held = Disclose(Shipment("E-1", "anna"));
  Receive(1);
  const Outcome waiting = Disclose(Shipment("E-2", "anna"));
  const Outcome other = Disclose(Shipment("E-3", "bert"));
  ReportOrder("order-E-1", v1::ORDER_EVENT_AFTER_SALES_CLOSED);

  const Request asked = Ask("anna", Request::KIND_ERASURE);
  Request ran;
  ASSERT_TRUE(Run(asked.name(), &ran).ok());
  EXPECT_EQ(ran.state(), Request::STATE_SCHEDULED) << "order E-2 is open";
  EXPECT_EQ(ran.wait_reason(), Request::WAIT_REASON_ORDER_OPEN);
  EXPECT_EQ(StateOf(waiting.disclosure.name()), v1::DISCLOSURE_STATE_PENDING);

  ReportOrder("order-E-2", v1::ORDER_EVENT_AFTER_SALES_CLOSED);
  EXPECT_EQ(AwaitEffective(asked.name()).state(), Request::STATE_IN_PROGRESS) << "the carrier has not answered";
  EXPECT_EQ(StateOf(waiting.disclosure.name()), v1::DISCLOSURE_STATE_WITHDRAWN);
  EXPECT_EQ(StateOf(other.disclosure.name()), v1::DISCLOSURE_STATE_PENDING);
  EXPECT_EQ(Disclose(Shipment("E-4", "anna")).reason, "ERROR_REASON_SUBJECT_SUPPRESSED");

  const std::vector<v1::DeletionNoticeStatement> notices = Notices();
  ASSERT_THAT(notices, SizeIs(1));
  EXPECT_EQ(notices[0].cause(), v1::DeletionCampaign::CAUSE_ERASURE);
  ASSERT_EQ(notices[0].items_size(), 1);
  EXPECT_EQ(notices[0].items(0).handle(), held.disclosure.handle());
  v1::GetErasureCertificateRequest get;
  get.set_name(asked.name());
  v1::GetErasureCertificateResponse certificate;
  EXPECT_EQ(testing::ReasonOf(rights_->GetErasureCertificate(Deadline().get(), get, &certificate)),
            "ERROR_REASON_REQUEST_STATE");

  EXPECT_EQ(AnswerNotices(), 1);
  const Request done = Await(asked.name(), Request::STATE_FULFILLED);
  ASSERT_EQ(done.partners_size(), 1);
  EXPECT_EQ(done.partners(0).deleted_count(), 1);
  ASSERT_TRUE(rights_->GetErasureCertificate(Deadline().get(), get, &certificate).ok());
  v1::ErasureCertificateStatement statement;
  ASSERT_TRUE(statement.ParseFromString(certificate.certificate().payload()));
  EXPECT_EQ(statement.subject_request(), asked.name());
  EXPECT_EQ(statement.answers_size(), 1);
  EXPECT_EQ(statement.answers(0).attestation_digest().size(), 32u);
  EXPECT_EQ(certificate.certificate().signatures_size(), 1);

  // The partner is served as before.
  EXPECT_THAT(Receive(1), SizeIs(1));
  v1::LiftSuppressionRequest lift;
  lift.mutable_subject()->set_id("anna");
  lift.set_evidence("account 2");
  v1::Subject subject;
  ASSERT_TRUE(rights_->LiftSuppression(Deadline().get(), lift, &subject).ok());
  EXPECT_EQ(Disclose(Shipment("E-5", "anna")).reason, "");
}

// Clause: P1.5c
TEST_F(RightsTest, ARacingDisclosureIsInTheNoticesOrRefused) {
  std::atomic<bool> stop{false};
  std::atomic<int> next{0};
  std::set<std::string> authorised;
  int refused = 0;
  std::set<std::string> received_handles;
  const auto context = Deadline(absl::Seconds(60));
  const auto stream = partner_->Receive(context.get());
  std::thread receiver([&] {
    v1::ReceiveRequest credit;
    credit.set_add_records(100000);
    credit.set_add_bytes(1 << 28);
    stream->Write(credit);
    v1::ReceiveResponse received;
    while (stream->Read(&received)) {
      for (const v1::DeliveredRecord& record : received.records()) received_handles.insert(record.handle());
    }
  });
  // The orders are closed beforehand, so that the erasure does not wait for them.
  for (int i = 1; i <= 400; ++i) ReportOrder(absl::StrCat("order-X-", i), v1::ORDER_EVENT_AFTER_SALES_CLOSED);
  std::thread discloser([&] {
    while (!stop && next < 400) {
      const Outcome outcome = Disclose(Shipment(absl::StrCat("X-", ++next), "anna"));
      outcome.reason.empty() ? void(authorised.insert(outcome.disclosure.name())) : void(++refused);
    }
  });
  while (next < 30) std::this_thread::yield();
  Request ran;
  ASSERT_TRUE(Run(Ask("anna", Request::KIND_ACCOUNT_CANCELLATION).name(), &ran).ok());
  EXPECT_EQ(ran.state(), Request::STATE_IN_PROGRESS) << ran.ShortDebugString();
  const int erased_at = next;
  while (next < std::min(400, erased_at + 10)) std::this_thread::yield();
  stop = true;
  discloser.join();
  EXPECT_EQ(Disclose(Shipment("X-late", "anna")).reason, "ERROR_REASON_SUBJECT_SUPPRESSED");

  std::set<std::string> noticed;
  for (const v1::DeletionNoticeStatement& notice : Notices()) {
    for (const auto& item : notice.items()) noticed.insert(item.handle());
  }
  // Whatever arrives after the erasure, if anything does, has arrived by the end of the stream.
  context->TryCancel();
  receiver.join();
  stream->Finish();
  ASSERT_THAT(authorised, Not(IsEmpty()));
  ASSERT_GT(refused, 0) << "nothing was disclosed after the erasure: there was no race";
  ASSERT_THAT(received_handles, Not(IsEmpty()));
  for (const std::string& handle : received_handles) {
    EXPECT_EQ(noticed.count(handle), 1u) << "the carrier has it and is not asked to delete it";
  }
  for (const std::string& name : authorised) {
    v1::GetDisclosureRequest get;
    get.set_name(name);
    v1::Disclosure found;
    ASSERT_TRUE(shop_->GetDisclosure(Deadline().get(), get, &found).ok());
    const bool withdrawn = found.state() == v1::DISCLOSURE_STATE_WITHDRAWN;
    EXPECT_TRUE(withdrawn || noticed.count(found.handle()) == 1) << found.ShortDebugString();
  }
}

TEST_F(RightsTest, ALegalHoldDefersErasureWithItsGroundAndEnd) {
  Disclose(Shipment("L-1", "anna"));
  ReportOrder("order-L-1", v1::ORDER_EVENT_AFTER_SALES_CLOSED);
  const auto alice = v1::SubjectRightsService::NewStub(gateway_.Person("alice"));
  v1::PlaceLegalHoldRequest hold;
  hold.mutable_subject()->set_id("anna");
  hold.mutable_legal_hold()->set_id("tax-2026");
  hold.mutable_legal_hold()->set_ground("commercial code, keeping of invoices");
  registry::SetTime(absl::Now() + absl::Hours(24), hold.mutable_legal_hold()->mutable_end_time());
  v1::Subject subject;
  EXPECT_EQ(testing::ReasonOf(rights_->PlaceLegalHold(Deadline().get(), hold, &subject)), "ERROR_REASON_ROLE_DENIED");
  ASSERT_TRUE(alice->PlaceLegalHold(Deadline().get(), hold, &subject).ok());

  Request ran;
  ASSERT_TRUE(Run(Ask("anna", Request::KIND_ERASURE).name(), &ran).ok());
  EXPECT_EQ(ran.state(), Request::STATE_SCHEDULED);
  EXPECT_EQ(ran.wait_reason(), Request::WAIT_REASON_LEGAL_HOLD);
  EXPECT_EQ(ran.hold_ground(), "commercial code, keeping of invoices");
  EXPECT_EQ(ran.hold_end_time().seconds(), hold.legal_hold().end_time().seconds());

  v1::ReleaseLegalHoldRequest release;
  release.mutable_subject()->set_id("anna");
  release.set_id("tax-2026");
  ASSERT_TRUE(alice->ReleaseLegalHold(Deadline().get(), release, &subject).ok());
  // Nobody holds anything of hers, so it ends at once.
  EXPECT_TRUE(Await(ran.name(), Request::STATE_FULFILLED).has_effective_time());
}

// Clause: W2b
TEST_F(RightsTest, WhoComesBackAfterAnErasureHasConsentedToNothing) {
  SetConsent("anna", true);
  Request ran;
  ASSERT_TRUE(Run(Ask("anna", Request::KIND_ACCOUNT_CANCELLATION).name(), &ran).ok());
  v1::LiftSuppressionRequest lift;
  lift.mutable_subject()->set_id("anna");
  lift.set_evidence("account 2");
  v1::Subject subject;
  ASSERT_TRUE(rights_->LiftSuppression(Deadline().get(), lift, &subject).ok());
  EXPECT_THAT(subject.consents(), IsEmpty());
  EXPECT_EQ(Disclose(Shipment("B-1", "anna")).reason, "");
  EXPECT_EQ(Receive(1)[0].preferences().alternative_recipient(), "");
}

}  // namespace
}  // namespace postern::testing
