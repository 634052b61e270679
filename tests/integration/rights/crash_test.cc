// A gateway that dies between the steps of a person's request ends up, after its next start, where it was going.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/integration/rights/rights_fixture.h"

namespace postern::testing {
namespace {

using ::testing::SizeIs;
using Request = v1::SubjectRequest;

// Clause: P1.5c
TEST_F(RightsTest, AnErasureSurvivesACrashAtEveryStep) {
  int round = 0;
  for (const char* step : {"rights.erasure_begun", "rights.erasure_shredded", "rights.erasure_recalled"}) {
    SCOPED_TRACE(step);
    const std::string customer = absl::StrCat("customer-", ++round);
    const std::string first = absl::StrCat("D-", round, "-held"), second = absl::StrCat("D-", round, "-waiting");
    const Outcome held = Disclose(Shipment(first, customer));
    Receive(1);
    const Outcome waiting = Disclose(Shipment(second, customer));
    ReportOrder("order-" + first, v1::ORDER_EVENT_AFTER_SALES_CLOSED);
    ReportOrder("order-" + second, v1::ORDER_EVENT_AFTER_SALES_CLOSED);
    const Request asked = Ask(customer, Request::KIND_ERASURE);

    Restart(absl::StrCat(step, "=abort"));
    Request ran;
    EXPECT_FALSE(Run(asked.name(), &ran).ok());
    AwaitDeath();
    Restart();
    EXPECT_TRUE(Get(asked.name()).has_effective_time()) << "it was taken up before anything was served";
    EXPECT_EQ(Disclose(Shipment(absl::StrCat("D-", round, "-late"), customer)).reason,
              "ERROR_REASON_SUBJECT_SUPPRESSED");
    EXPECT_EQ(StateOf(waiting.disclosure.name()), v1::DISCLOSURE_STATE_WITHDRAWN);
    const std::vector<v1::DeletionNoticeStatement> notices = Notices();
    ASSERT_THAT(notices, SizeIs(1)) << "one notice, however often it was begun";
    ASSERT_EQ(notices[0].items_size(), 1);
    EXPECT_EQ(notices[0].items(0).handle(), held.disclosure.handle());
    EXPECT_EQ(AnswerNotices(), 1);
    Await(asked.name(), Request::STATE_FULFILLED);
  }
}

// Clause: P1.5d
TEST_F(RightsTest, AWithdrawalSurvivesACrashAtEveryStep) {
  int round = 0;
  for (const char* step : {"rights.consent_written", "rights.recalled"}) {
    SCOPED_TRACE(step);
    const std::string customer = absl::StrCat("customer-", ++round);
    SetConsent(customer, true);
    const Outcome held = Disclose(Shipment(absl::StrCat("G-", round, "-held"), customer));
    Receive(1);
    const Outcome waiting = Disclose(Shipment(absl::StrCat("G-", round, "-waiting"), customer));

    Restart(absl::StrCat(step, "=abort"));
    v1::SetConsentRequest withdraw;
    withdraw.mutable_subject()->set_id(customer);
    withdraw.mutable_scope()->set_category("alternative_recipient");
    v1::SetConsentResponse response;
    EXPECT_FALSE(rights_->SetConsent(Deadline().get(), withdraw, &response).ok());
    AwaitDeath();
    Restart();
    EXPECT_EQ(StateOf(waiting.disclosure.name()), v1::DISCLOSURE_STATE_WITHDRAWN);
    const std::vector<v1::DeletionNoticeStatement> notices = Notices();
    ASSERT_THAT(notices, SizeIs(1));
    ASSERT_EQ(notices[0].items_size(), 1);
    EXPECT_EQ(notices[0].items(0).handle(), held.disclosure.handle());
    EXPECT_EQ(AnswerNotices(), 1);
    EXPECT_EQ(Disclose(Shipment(absl::StrCat("G-", round, "-after"), customer)).reason, "");
    EXPECT_EQ(Receive(1)[0].preferences().alternative_recipient(), "");
  }
}

}  // namespace
}  // namespace postern::testing
