// Consents, restrictions and objections, over the real listeners.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/integration/rights/rights_fixture.h"

namespace postern::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Clause: W2b, W4d
TEST_F(RightsTest, ACategoryThatNeedsConsentLeavesOnlyWithIt) {
  EXPECT_EQ(Disclose(Shipment("C-1", "anna")).reason, "");
  EXPECT_EQ(Receive(1)[0].preferences().alternative_recipient(), "");

  SetConsent("anna", true);
  EXPECT_EQ(Disclose(Shipment("C-2", "anna")).reason, "");
  EXPECT_EQ(Disclose(Shipment("C-3", "bert")).reason, "");
  const std::vector<shop::v1::Shipment> received = Receive(2);
  EXPECT_EQ(received[0].preferences().alternative_recipient(), "Neighbour");
  EXPECT_EQ(received[1].preferences().alternative_recipient(), "") << "one person's consent opened another's data";

  SetConsent("anna", false);
  EXPECT_EQ(Disclose(Shipment("C-4", "anna")).reason, "");
  EXPECT_EQ(Receive(1)[0].preferences().alternative_recipient(), "");
}

// Clause: W2b
TEST_F(RightsTest, AWithdrawalTakesBackWhatWaitsAndNotifiesWhoReliesOnIt) {
  const Outcome without = Disclose(Shipment("W-0", "anna"));
  SetConsent("anna", true);
  const Outcome held = Disclose(Shipment("W-1", "anna"));
  Receive(2);
  const Outcome waiting = Disclose(Shipment("W-2", "anna"));
  const Outcome other = Disclose(Shipment("W-3", "bert"));

  const v1::SetConsentResponse withdrawn = SetConsent("anna", false);
  EXPECT_EQ(withdrawn.effect().withdrawn_count(), 1);
  EXPECT_EQ(withdrawn.effect().held_count(), 1);
  EXPECT_THAT(withdrawn.effect().partners(), ElementsAre("partners/swift-parcel"));
  EXPECT_EQ(StateOf(waiting.disclosure.name()), v1::DISCLOSURE_STATE_WITHDRAWN);
  EXPECT_EQ(StateOf(other.disclosure.name()), v1::DISCLOSURE_STATE_PENDING);

  const std::vector<v1::DeletionNoticeStatement> notices = Notices();
  ASSERT_THAT(notices, SizeIs(1));
  EXPECT_EQ(notices[0].cause(), v1::DeletionCampaign::CAUSE_CONSENT_WITHDRAWN);
  ASSERT_EQ(notices[0].items_size(), 1) << "what went without the category does not rely on the consent";
  EXPECT_EQ(notices[0].items(0).handle(), held.disclosure.handle());
  EXPECT_THAT(notices[0].items(0).categories(), ElementsAre("alternative_recipient"));
  EXPECT_NE(without.disclosure.handle(), held.disclosure.handle());
}

// Clause: P1.5d
TEST_F(RightsTest, AnObjectionClosesAPurposeUntilItIsLifted) {
  const Outcome waiting = Disclose(Shipment("O-1", "anna"));
  const v1::SetRestrictionResponse closed = Restrict("anna", "delivery", true);
  EXPECT_EQ(closed.effect().withdrawn_count(), 1);
  EXPECT_EQ(StateOf(waiting.disclosure.name()), v1::DISCLOSURE_STATE_WITHDRAWN);
  EXPECT_EQ(Disclose(Shipment("O-2", "anna")).reason, "ERROR_REASON_SUBJECT_RESTRICTED");
  EXPECT_EQ(Disclose(Shipment("O-3", "bert")).reason, "");

  Restart();
  EXPECT_EQ(Disclose(Shipment("O-4", "anna")).reason, "ERROR_REASON_SUBJECT_RESTRICTED");
  EXPECT_THAT(Restrict("anna", "delivery", false).subject().restrictions(), IsEmpty());
  EXPECT_EQ(Disclose(Shipment("O-5", "anna")).reason, "");
}

// Clause: P1.5d
TEST_F(RightsTest, ARestrictionInForceWhenTheCallReturnsIsNeverOvertaken) {
  // One caller discloses without pause while another closes and opens the use. What is told as authorised after the
  // close returned must have been begun before it, and is then in the ledger as withdrawn.
  std::atomic<bool> stop{false};
  std::atomic<int> next{0};
  std::vector<std::pair<int, std::string>> authorised;
  std::thread discloser([&] {
    while (!stop) {
      const int number = ++next;
      const Outcome outcome = Disclose(Shipment(absl::StrCat("R-", number), "anna"));
      if (outcome.reason.empty()) authorised.emplace_back(number, outcome.disclosure.name());
    }
  });
  while (next < 20) std::this_thread::yield();
  Restrict("anna", "delivery", true);
  const int closed_at = next;
  while (next < closed_at + 20) std::this_thread::yield();
  stop = true;
  discloser.join();
  ASSERT_THAT(authorised, ::testing::Not(IsEmpty()));
  for (const auto& [number, name] : authorised) {
    EXPECT_LE(number, closed_at) << "authorised after the use was closed";
    EXPECT_EQ(StateOf(name), v1::DISCLOSURE_STATE_WITHDRAWN);
  }
}

TEST_F(RightsTest, AScopeThatThePolicyDoesNotDeclareIsRefused) {
  v1::SetConsentRequest request;
  request.mutable_subject()->set_id("anna");
  request.mutable_scope()->set_category("alternative_recipeint");
  request.set_granted(true);
  v1::SetConsentResponse response;
  EXPECT_EQ(testing::ReasonOf(rights_->SetConsent(Deadline().get(), request, &response)),
            "ERROR_REASON_INVALID_ARGUMENT");
  request.clear_subject();
  request.mutable_scope()->set_category("alternative_recipient");
  EXPECT_EQ(testing::ReasonOf(rights_->SetConsent(Deadline().get(), request, &response)),
            "ERROR_REASON_INVALID_ARGUMENT");
}

TEST_F(RightsTest, OperatorsActForPeopleAndViewersOnlyLook) {
  v1::SetRestrictionRequest request;
  request.mutable_subject()->set_id("anna");
  request.mutable_scope()->set_everything(true);
  request.set_restricted(true);
  request.set_ground(v1::Restriction::GROUND_RESTRICTION);
  v1::SetRestrictionResponse response;
  const auto vera = v1::SubjectRightsService::NewStub(gateway_.Person("vera"));
  EXPECT_EQ(testing::ReasonOf(vera->SetRestriction(Deadline().get(), request, &response)), "ERROR_REASON_ROLE_DENIED");
  const auto bob = v1::SubjectRightsService::NewStub(gateway_.Person("bob"));
  EXPECT_TRUE(bob->SetRestriction(Deadline().get(), request, &response).ok());
  EXPECT_EQ(Disclose(Shipment("V-1", "anna")).reason, "ERROR_REASON_SUBJECT_RESTRICTED");

  v1::DescribeSubjectRequest describe;
  describe.mutable_subject()->set_name(response.subject().name());
  v1::Subject subject;
  EXPECT_TRUE(vera->DescribeSubject(Deadline().get(), describe, &subject).ok());
  EXPECT_EQ(subject.restrictions_size(), 1);
}

}  // namespace
}  // namespace postern::testing
