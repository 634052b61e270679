#include "server/delivery/exchange.h"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "policy/retail/clearpay/v1/payment_service.pb.h"
#include "policy/retail/shop/v1/payment.pb.h"
#include "proto/errors/error.h"
#include "server/delivery/abandoned_exchanges.h"
#include "server/delivery/submit_result.h"
#include "tests/unit/server/delivery/delivery_fixture.h"

namespace postern::delivery {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A partner's server without a network.
class FakePartner : public PartnerCaller {
 public:
  void Connect(const std::string&, const v1::PartnerEndpoint& endpoint, absl::Time, Connected connected) override {
    ++connects;
    EXPECT_EQ(endpoint.id(), "authorize");
    if (!reachable) return connected(MakeError(v1::ERROR_REASON_PARTNER_UNREACHABLE, "no"));
    connected(std::make_shared<FakeLine>(this));
  }

  void Forget(const std::string&) override {}

  bool reachable = true;
  bool answers = true;  // otherwise a call waits until it is cancelled
  CallResult result;
  int connects = 0;
  int calls = 0;
  std::string method;
  std::string request;
  PartnerCaller::Done waiting;
  absl::Notification called;

 private:
  struct FakeCall : Call {
    explicit FakeCall(FakePartner* owner) : partner(owner) {}
    void Cancel() override {
      CallResult lost;
      lost.fate = CallResult::Fate::kLost;
      std::exchange(partner->waiting, nullptr)(lost);
    }
    FakePartner* partner;
  };
  struct FakeLine : Line {
    explicit FakeLine(FakePartner* owner) : partner(owner) {}
    std::shared_ptr<Call> Start(const std::string& called_method, const std::string& bytes, absl::Time,
                                Done done) override {
      ++partner->calls;
      partner->method = called_method;
      partner->request = bytes;
      if (partner->answers) {
        done(partner->result);
      } else {
        partner->waiting = std::move(done);
        partner->called.Notify();
      }
      return std::make_shared<FakeCall>(partner);
    }
    FakePartner* partner;
  };
};

class ExchangeTest : public testing::Test {
 protected:
  ExchangeTest() {
    // The endpoint that the contract names.
    v1::UpdatePartnerRequest update;
    *update.mutable_partner() = fixture_.gateway->control->Get(kClearPay);
    v1::PartnerEndpoint& endpoint = *update.mutable_partner()->add_endpoints();
    endpoint.set_id("authorize");
    endpoint.set_address("localhost:1");
    endpoint.set_trust_bundle_pem(registry::TestCertificate());
    endpoint.set_server_san("pay.example");
    const auto updated = fixture_.gateway->control->UpdateByTwo(update);
    EXPECT_TRUE(updated.ok()) << updated.status();
    exchanger_ = std::make_unique<Exchanger>(fixture_.gateway->discloser.get(), &partner_, fixture_.hub->settler(),
                                             fixture_.hub->calls(), fixture_.gateway->clock());
    clearpay::v1::AuthorizeResponse answer;
    answer.set_payment_reference("P-1");
    answer.set_authorization_code("auth-1");
    answer.set_status(clearpay::v1::AUTHORIZATION_STATUS_AUTHORIZED);
    answer.mutable_card()->set_holder("card holder");  // more than the shop may know
    partner_.result.fate = CallResult::Fate::kAnswered;
    partner_.result.reply = answer.SerializeAsString();
  }

  absl::StatusOr<v1::ExchangeResponse> Exchange(const v1::ExchangeRequest& request) {
    absl::StatusOr<v1::ExchangeResponse> result;
    absl::Notification answered;
    exchanger_->Exchange(fixture_.gateway->shop(), request, absl::InfiniteFuture(),
                         [&](absl::StatusOr<v1::ExchangeResponse> response) {
                           result = std::move(response);
                           answered.Notify();
                         });
    answered.WaitForNotification();
    return result;
  }
  std::vector<v1::AuditEntry> Settlements() { return fixture_.gateway->Audit(v1::AuditEntry::KIND_SETTLEMENT); }

  DeliveryFixture fixture_;
  FakePartner partner_;
  std::unique_ptr<Exchanger> exchanger_;
};

// Clause: W1.2c
TEST_F(ExchangeTest, ReturnsTheProjectedAnswerAndSettlesIt) {
  const v1::ExchangeRequest request = fixture_.gateway->Payment("P-1");
  const auto response = Exchange(request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(partner_.method, "/clearpay.v1.PaymentService/Authorize");
  shop::v1::PaymentRequest sent;
  ASSERT_TRUE(sent.ParseFromString(partner_.request));
  EXPECT_EQ(sent.amount().minor_units(), 1250);
  EXPECT_EQ(sent.payer_name(), "");
  EXPECT_EQ(response->response().type(), "clearpay.v1.AuthorizeResponse");
  EXPECT_THAT(response->response().data(), HasSubstr("auth-1"));
  EXPECT_THAT(response->response().data(), Not(HasSubstr("card")));
  EXPECT_EQ(response->disclosure().state(), v1::DISCLOSURE_STATE_DELIVERED);
  EXPECT_EQ(fixture_.Row(response->disclosure().name()).state, v1::DISCLOSURE_STATE_DELIVERED);
  ASSERT_EQ(Settlements().size(), 1u);

  // A retry gets the outcome and does not reach the partner.
  const auto again = Exchange(request);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_FALSE(again->has_response());
  EXPECT_EQ(partner_.calls, 1);
}

TEST_F(ExchangeTest, TellsApartWhatTheCallerMustKnow) {
  struct Case {
    const char* reference;
    CallResult::Fate fate;
    v1::ErrorReason reason;
    v1::DisclosureState state;
  };
  const Case cases[] = {
      {"P-2", CallResult::Fate::kRefused, v1::ERROR_REASON_PARTNER_FAILED, v1::DISCLOSURE_STATE_FAILED},
      {"P-3", CallResult::Fate::kNotSent, v1::ERROR_REASON_PARTNER_UNREACHABLE, v1::DISCLOSURE_STATE_FAILED},
      {"P-4", CallResult::Fate::kLost, v1::ERROR_REASON_OUTCOME_UNKNOWN, v1::DISCLOSURE_STATE_OUTCOME_UNKNOWN},
  };
  for (const Case& c : cases) {
    partner_.result.fate = c.fate;
    const v1::ExchangeRequest request = fixture_.gateway->Payment(c.reference);
    const int before = partner_.calls;
    EXPECT_EQ(ReasonOf(Exchange(request).status()), c.reason) << c.reference;
    EXPECT_EQ(fixture_.Outcomes().back().state(), c.state) << c.reference;
    // An unknown outcome may be asked again, because the contract says that the method is idempotent; an end may not.
    EXPECT_EQ(ReasonOf(Exchange(request).status()), c.reason) << c.reference;
    EXPECT_EQ(partner_.calls - before, c.fate == CallResult::Fate::kLost ? 2 : 1) << c.reference;
  }
}

TEST_F(ExchangeTest, AnUnreachablePartnerWasSentNothing) {
  partner_.reachable = false;
  EXPECT_EQ(ReasonOf(Exchange(fixture_.gateway->Payment("P-1")).status()), v1::ERROR_REASON_PARTNER_UNREACHABLE);
  EXPECT_EQ(partner_.calls, 0);
}

TEST_F(ExchangeTest, ARetryThatSendsNothingLeavesUnknownWhatWasUnknown) {
  partner_.result.fate = CallResult::Fate::kLost;
  const v1::ExchangeRequest request = fixture_.gateway->Payment("P-1");
  EXPECT_EQ(ReasonOf(Exchange(request).status()), v1::ERROR_REASON_OUTCOME_UNKNOWN);
  partner_.reachable = false;
  EXPECT_EQ(ReasonOf(Exchange(request).status()), v1::ERROR_REASON_OUTCOME_UNKNOWN);
  ASSERT_EQ(fixture_.Outcomes().size(), 1u);
  // Another one can still find out.
  partner_.reachable = true;
  partner_.result.fate = CallResult::Fate::kAnswered;
  EXPECT_TRUE(Exchange(request).ok());
  EXPECT_EQ(fixture_.Outcomes().back().state(), v1::DISCLOSURE_STATE_DELIVERED);
}

// The ledger says what left the first time; today something else would.
TEST_F(ExchangeTest, ARetryOfWhichSomethingElseWouldLeaveCallsNobody) {
  partner_.result.fate = CallResult::Fate::kLost;
  const v1::ExchangeRequest request = fixture_.gateway->Payment("P-1");
  EXPECT_EQ(ReasonOf(Exchange(request).status()), v1::ERROR_REASON_OUTCOME_UNKNOWN);
  ASSERT_EQ(partner_.calls, 1);
  registry::ControlFixture& control = *fixture_.gateway->control;
  v1::ApplyPolicyBundleRequest narrower;
  *narrower.mutable_bundle() = control.Bundle({{"fields { path: \"method\" }", ""}});
  ASSERT_TRUE(control.bundles.ApplyPolicyBundle("operators/alice", narrower).ok());
  partner_.result.fate = CallResult::Fate::kAnswered;
  EXPECT_EQ(ReasonOf(Exchange(request).status()), v1::ERROR_REASON_OUTCOME_UNKNOWN);
  EXPECT_EQ(partner_.calls, 1);
  EXPECT_EQ(fixture_.Outcomes().back().state(), v1::DISCLOSURE_STATE_OUTCOME_UNKNOWN);
}

TEST_F(ExchangeTest, ARetryAfterItsPartnerWasSuspendedGetsTheOutcomeAndCallsNobody) {
  const v1::ExchangeRequest delivered = fixture_.gateway->Payment("P-1");
  ASSERT_TRUE(Exchange(delivered).ok());
  partner_.result.fate = CallResult::Fate::kLost;
  const v1::ExchangeRequest lost = fixture_.gateway->Payment("P-2");
  EXPECT_EQ(ReasonOf(Exchange(lost).status()), v1::ERROR_REASON_OUTCOME_UNKNOWN);

  registry::ControlFixture& control = *fixture_.gateway->control;
  storage::PartnerRow row = control.Row(kClearPay);
  row.partner.set_state(v1::PARTNER_STATE_SUSPENDED);
  storage::ChangeSet change;
  change.partners.push_back({row, row.partner.etag()});
  ASSERT_TRUE(control.store->Apply(change).ok());
  ASSERT_TRUE(control.snapshots->Rebuild().ok());

  EXPECT_EQ(ReasonOf(Exchange(fixture_.gateway->Payment("P-3")).status()), v1::ERROR_REASON_PARTNER_SUSPENDED);
  const auto again = Exchange(delivered);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->disclosure().state(), v1::DISCLOSURE_STATE_DELIVERED);
  EXPECT_EQ(ReasonOf(Exchange(lost).status()), v1::ERROR_REASON_OUTCOME_UNKNOWN);
  EXPECT_EQ(partner_.calls, 2);
  v1::ExchangeRequest other = fixture_.gateway->Payment("P-4");
  other.set_request_id(delivered.request_id());
  EXPECT_EQ(ReasonOf(Exchange(other).status()), v1::ERROR_REASON_REQUEST_ID_REUSED);
}

// Clause: P1.4e
TEST(StoppedPartnerTest, ItsOutboundConnectionsAreGivenUp) {
  std::vector<std::string> stopped;
  DeliveryHubOptions options;
  options.on_stopped = [&stopped](absl::string_view partner) { stopped.emplace_back(partner); };
  DeliveryFixture fixture(options);
  // It never opened a stream: its records go by exchange.
  fixture.hub->StopPartner(kClearPay, absl::AbortedError("over"));
  EXPECT_EQ(stopped, std::vector<std::string>{std::string(kClearPay)});
}

TEST_F(ExchangeTest, AFenceThatMovedAfterTheCommitLetsNothingThrough) {
  storage::FaultyStore& store = *fixture_.gateway->store;
  const int before = store.commits();
  store.Hold(true);
  absl::Notification answered;
  absl::Status status;
  // On a thread of its own: it is alone, and waits for the ledger itself.
  std::thread caller([&] {
    exchanger_->Exchange(fixture_.gateway->shop(), fixture_.gateway->Payment("P-1"), absl::InfiniteFuture(),
                         [&](absl::StatusOr<v1::ExchangeResponse> response) {
                           status = response.status();
                           answered.Notify();
                         });
  });
  while (store.commits() == before) absl::SleepFor(absl::Milliseconds(1));
  const auto fence = fixture_.gateway->View(kClearPay).fence;
  ASSERT_TRUE(fence->Close(absl::Seconds(5)));
  fence->Open();
  store.Hold(false);
  answered.WaitForNotification();
  caller.join();
  EXPECT_EQ(ReasonOf(status), v1::ERROR_REASON_FENCED);
  EXPECT_EQ(partner_.connects, 0) << "no connection is made to a partner that is being stopped";
  EXPECT_EQ(partner_.calls, 0);
  EXPECT_EQ(fixture_.Outcomes().back().state(), v1::DISCLOSURE_STATE_FAILED);
}

TEST_F(ExchangeTest, WhatAnEarlierRunLeftOpenIsReportedOnce) {
  partner_.answers = false;
  absl::Notification answered;
  const v1::ExchangeRequest request = fixture_.gateway->Payment("P-1");
  exchanger_->Exchange(fixture_.gateway->shop(), request, absl::InfiniteFuture(),
                       [&](const absl::StatusOr<v1::ExchangeResponse>&) { answered.Notify(); });
  partner_.called.WaitForNotification();
  // What the next run would find if this one ended here.
  for (int start = 0; start < 2; ++start) {
    ASSERT_TRUE(SettleAbandonedExchanges(*fixture_.gateway->store, fixture_.gateway->now()).ok());
    const auto outcomes = fixture_.Outcomes();
    ASSERT_EQ(outcomes.size(), 1u);
    EXPECT_EQ(outcomes[0].state(), v1::DISCLOSURE_STATE_OUTCOME_UNKNOWN);
    EXPECT_EQ(outcomes[0].request_id(), request.request_id());
    EXPECT_EQ(Settlements().size(), 1u);
  }
  std::exchange(partner_.waiting, nullptr)(partner_.result);
  answered.WaitForNotification();
  EXPECT_EQ(fixture_.Outcomes().back().state(), v1::DISCLOSURE_STATE_DELIVERED);
}

TEST_F(ExchangeTest, ADamagedResultDoesNotStopTheFeed) {
  const auto exchanged = Exchange(fixture_.gateway->Payment("P-1"));
  ASSERT_TRUE(exchanged.ok()) << exchanged.status();
  storage::ChangeSet change;
  const int64_t seq = fixture_.Row(exchanged->disclosure().name()).seq;
  change.results.push_back({seq, fixture_.gateway->now(), "shop.v1.PaymentResult", "not sealed at all", {}, {}});
  ASSERT_TRUE(fixture_.gateway->store->Apply(change).ok());
  const auto outcomes = fixture_.Outcomes();
  ASSERT_EQ(outcomes.size(), 2u);
  EXPECT_FALSE(outcomes[1].has_result());
  EXPECT_EQ(outcomes[1].reason(), "ERROR_REASON_KEY_SHREDDED");
}

TEST_F(ExchangeTest, AnAnswerThatIsNotGrantedIsNotPassedOn) {
  partner_.result.reply = "\xff\xff\xff";
  const v1::ExchangeRequest request = fixture_.gateway->Payment("P-1");
  EXPECT_EQ(ReasonOf(Exchange(request).status()), v1::ERROR_REASON_RESPONSE_MALFORMED);
  EXPECT_EQ(ReasonOf(Exchange(request).status()), v1::ERROR_REASON_RESPONSE_MALFORMED);
  EXPECT_EQ(partner_.calls, 1);
}

TEST_F(ExchangeTest, ARevocationCancelsACallUnderWayAndLetsNoneStart) {
  partner_.answers = false;
  absl::Notification answered;
  absl::Status status;
  exchanger_->Exchange(fixture_.gateway->shop(), fixture_.gateway->Payment("P-1"), absl::InfiniteFuture(),
                       [&](absl::StatusOr<v1::ExchangeResponse> response) {
                         status = response.status();
                         answered.Notify();
                       });
  partner_.called.WaitForNotification();
  // The reply is awaited without the fence: closing it does not wait for the partner.
  EXPECT_TRUE(fixture_.gateway->View(kClearPay).fence->Close(absl::Seconds(5)));
  fixture_.hub->StopPartner(kClearPay, absl::AbortedError("over"));
  answered.WaitForNotification();
  EXPECT_EQ(ReasonOf(status), v1::ERROR_REASON_OUTCOME_UNKNOWN);
  EXPECT_EQ(ReasonOf(Exchange(fixture_.gateway->Payment("P-2")).status()), v1::ERROR_REASON_FENCED);
  EXPECT_EQ(partner_.calls, 1);
}

// Clause: W1.2c
TEST_F(ExchangeTest, ASubmittedResultReachesTheShopProjected) {
  const auto exchanged = Exchange(fixture_.gateway->Payment("P-1"));
  ASSERT_TRUE(exchanged.ok()) << exchanged.status();
  ResultReceiver receiver(&fixture_.gateway->control->holder, fixture_.gateway->store.get(),
                          fixture_.gateway->control->keys.get(), fixture_.gateway->clock(), nullptr);
  shop::v1::PaymentResult result;
  result.set_payment_reference("P-1");
  result.set_paid(true);
  result.set_account_number("DE-secret-account");
  v1::SubmitResultRequest request;
  request.set_disclosure(exchanged->disclosure().name());
  request.mutable_result()->set_type("shop.v1.PaymentResult");
  request.mutable_result()->set_data(result.SerializeAsString());
  request.set_request_id(fixture_.gateway->NewRequestId());
  const identity::Principal caller = fixture_.gateway->partner(kClearPay);
  ASSERT_TRUE(receiver.Submit(caller, request).ok());
  ASSERT_TRUE(receiver.Submit(caller, request).ok());  // a retry changes nothing
  const auto outcomes = fixture_.Outcomes();
  ASSERT_EQ(outcomes.size(), 2u);
  EXPECT_EQ(outcomes[1].result().type(), "shop.v1.PaymentResult");
  shop::v1::PaymentResult seen;
  ASSERT_TRUE(seen.ParseFromString(outcomes[1].result().data()));
  EXPECT_TRUE(seen.paid());
  EXPECT_EQ(seen.account_number(), "");

  result.set_paid(false);
  request.mutable_result()->set_data(result.SerializeAsString());
  EXPECT_EQ(ReasonOf(receiver.Submit(caller, request).status()), v1::ERROR_REASON_REQUEST_ID_REUSED);
  EXPECT_EQ(ReasonOf(receiver.Submit(fixture_.gateway->partner(kSwift), request).status()), v1::ERROR_REASON_NOT_FOUND);
  request.mutable_result()->set_type("shop.v1.Order");
  EXPECT_EQ(ReasonOf(receiver.Submit(caller, request).status()), v1::ERROR_REASON_PURPOSE_NOT_GRANTED);
}

// Clause: W1.2c
TEST_F(ExchangeTest, WhatTheVerifierDoesNotBelieveToBeGrantedIsRefusedAndReported) {
  const auto exchanged = Exchange(fixture_.gateway->Payment("P-1"));
  ASSERT_TRUE(exchanged.ok()) << exchanged.status();
  // As if the projector let everything through: the verifier believes that nothing is granted inbound.
  const auto sound = fixture_.gateway->control->holder.Get();
  auto partner = std::make_shared<registry::PartnerView>(*sound->FindPartner(kClearPay));
  for (auto& contract : partner->contracts) {
    auto broken = std::make_shared<policy::CompiledContract>(*contract);
    for (policy::CompiledGrant& inbound : broken->inbound) {
      policy::PlanSpec nothing = *inbound.spec;
      nothing.leaves.clear();
      inbound.verifier = *policy::Verifier::Create(nothing);
    }
    contract = broken;
  }
  auto snapshot = std::make_shared<registry::Snapshot>(*sound);
  snapshot->partners[kClearPay] = std::move(partner);
  fixture_.gateway->control->holder.Set(std::move(snapshot));

  std::vector<std::string> reported;
  ResultReceiver receiver(
      &fixture_.gateway->control->holder, fixture_.gateway->store.get(), fixture_.gateway->control->keys.get(),
      fixture_.gateway->clock(), nullptr,
      [&](const std::string& name, const std::string& path) { reported.push_back(name + " " + path); });
  shop::v1::PaymentResult result;
  result.set_payment_reference("P-1");
  result.set_paid(true);
  v1::SubmitResultRequest request;
  request.set_disclosure(exchanged->disclosure().name());
  request.mutable_result()->set_type("shop.v1.PaymentResult");
  request.mutable_result()->set_data(result.SerializeAsString());
  request.set_request_id(fixture_.gateway->NewRequestId());
  EXPECT_EQ(ReasonOf(receiver.Submit(fixture_.gateway->partner(kClearPay), request).status()),
            v1::ERROR_REASON_VERIFIER_FINDING);
  EXPECT_THAT(reported, ::testing::ElementsAre(std::string(kClearPay) + " payment_reference"));
  EXPECT_EQ(fixture_.Outcomes().size(), 1u);  // of the exchange
}

}  // namespace
}  // namespace postern::delivery
