// A payment channel that is asked while the customer waits: what it gets, what comes back, and whom the gateway calls.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/time/clock.h"
#include "policy/retail/shop/v1/payment.pb.h"
#include "tests/support/payment_channel.h"
#include "tests/support/retail_shop.h"

namespace postern::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

shop::v1::PaymentRequest Payment(const std::string& reference) {
  shop::v1::PaymentRequest payment;
  payment.set_payment_reference(reference);
  payment.set_version(1);
  payment.set_order_number("O-1");
  payment.set_customer_id("canary-customer");
  payment.mutable_amount()->set_currency("CHF");
  payment.mutable_amount()->set_minor_units(4200);
  payment.set_payment_token("token-1");
  payment.set_statement_text("canary-statement");
  payment.set_payer_name("canary-payer");
  payment.set_payer_email("canary@example.org");
  payment.set_ip_address("canary-address");
  payment.add_article_titles("canary-article");
  return payment;
}

grpc::Status AnswerTooMuch(grpc::ServerContext*, const shop::v1::PaymentRequest& request,
                           clearpay::v1::AuthorizeResponse* response) {
  response->set_payment_reference(request.payment_reference());
  response->set_status(clearpay::v1::AUTHORIZATION_STATUS_AUTHORIZED);
  response->set_authorization_code("AUTH-1");
  response->set_authorized_minor_units(request.amount().minor_units());
  response->mutable_card()->set_number("4111111111111111");
  response->mutable_card()->set_holder("canary-holder");
  response->mutable_risk()->set_score(17);
  response->mutable_risk()->add_other_merchants("canary-merchant");
  return grpc::Status::OK;
}

class ExchangeTest : public ::testing::Test {
 protected:
  grpc::Status Exchange(const shop::v1::PaymentRequest& payment, v1::ExchangeResponse* response) {
    v1::ExchangeRequest request;
    *request.mutable_record() = RecordOf(payment);
    request.mutable_target()->set_partner("partners/clear-pay");
    request.mutable_target()->set_purpose("settlement");
    request.set_request_id(NewRequestId());
    return shop_.Storefront()->Exchange(Deadline().get(), request, response);
  }

  RetailShop shop_;
};

// Clause: W1.2c, W4c
TEST_F(ExchangeTest, TheAmountGoesOutAndTheVerifiedResultComesBack) {
  PaymentChannel channel(&shop_.gateway().pki(), AnswerTooMuch);
  shop_.Open(nullptr, {channel.Endpoint("authorize")});
  v1::ExchangeResponse response;
  const grpc::Status status = Exchange(Payment("PAY-1"), &response);
  ASSERT_TRUE(status.ok()) << status.error_message();

  ASSERT_THAT(channel.requests(), SizeIs(1));
  const shop::v1::PaymentRequest asked = channel.requests()[0];
  EXPECT_EQ(asked.payment_reference(), "PAY-1");
  EXPECT_EQ(asked.amount().minor_units(), 4200);
  EXPECT_EQ(asked.payment_token(), "token-1");
  EXPECT_EQ(asked.statement_text(), "SHOP ORDER") << "the contract's constant";
  EXPECT_THAT(asked.SerializeAsString(), Not(HasSubstr("canary")));

  clearpay::v1::AuthorizeResponse answer;
  ASSERT_TRUE(answer.ParseFromString(response.response().data()));
  EXPECT_EQ(answer.status(), clearpay::v1::AUTHORIZATION_STATUS_AUTHORIZED);
  EXPECT_EQ(answer.authorization_code(), "AUTH-1");
  EXPECT_EQ(answer.authorized_minor_units(), 4200);
  EXPECT_FALSE(answer.has_card());
  EXPECT_FALSE(answer.has_risk());
  EXPECT_THAT(response.SerializeAsString(), Not(HasSubstr("canary")));
  EXPECT_THAT(shop_.FilesWith("4111111111111111"), IsEmpty());
  EXPECT_THAT(shop_.FilesWith("canary"), IsEmpty());
}

// Clause: W1.2c
TEST_F(ExchangeTest, ASubmittedResultIsTrimmedToo) {
  PaymentChannel channel(&shop_.gateway().pki(), AnswerTooMuch);
  shop_.Open(nullptr, {channel.Endpoint("authorize")});
  v1::ExchangeResponse exchanged;
  ASSERT_TRUE(Exchange(Payment("PAY-2"), &exchanged).ok());
  shop::v1::PaymentResult result;
  result.set_payment_reference("PAY-2");
  result.set_paid(true);
  result.set_account_holder("canary-holder");
  result.set_account_number("canary-account");
  v1::SubmitResultRequest submit;
  submit.set_disclosure(exchanged.disclosure().name());
  *submit.mutable_result() = RecordOf(result);
  submit.set_request_id(NewRequestId());
  v1::SubmitResultResponse submitted;
  const grpc::Status status = shop_.Partner("clear-pay")->SubmitResult(Deadline().get(), submit, &submitted);
  ASSERT_TRUE(status.ok()) << status.error_message();
  const auto context = Deadline();
  const auto stub = shop_.Storefront();
  const auto outcomes = stub->WatchOutcomes(context.get(), v1::WatchOutcomesRequest());
  std::string data;
  for (v1::WatchOutcomesResponse page; data.empty() && outcomes->Read(&page);) {
    for (const v1::Outcome& outcome : page.outcomes()) data += outcome.result().data();
  }
  context->TryCancel();
  shop::v1::PaymentResult seen;
  ASSERT_TRUE(seen.ParseFromString(data));
  EXPECT_TRUE(seen.paid());
  EXPECT_THAT(data, Not(HasSubstr("canary")));
}

TEST_F(ExchangeTest, APartnerThatSubmitsWithoutEndIsRefusedAndToldWhenToComeAgain) {
  PaymentChannel channel(&shop_.gateway().pki(), AnswerTooMuch);
  shop_.Open(nullptr, {channel.Endpoint("authorize")});
  v1::ExchangeResponse exchanged;
  ASSERT_TRUE(Exchange(Payment("PAY-3"), &exchanged).ok());
  shop::v1::PaymentResult result;
  result.set_payment_reference("PAY-3");
  result.set_paid(true);
  v1::SubmitResultRequest submit;
  submit.set_disclosure(exchanged.disclosure().name());
  *submit.mutable_result() = RecordOf(result);
  const auto partner = shop_.Partner("clear-pay");
  grpc::Status refused;
  int taken = 0;
  for (; taken < 1000 && refused.ok(); ++taken) {
    submit.set_request_id(NewRequestId());
    v1::SubmitResultResponse submitted;
    refused = partner->SubmitResult(Deadline().get(), submit, &submitted);
    // Within the rate, the disclosure's own limit ends it.
    absl::SleepFor(absl::Milliseconds(21));
  }
  EXPECT_EQ(ReasonOf(refused), "ERROR_REASON_RESULT_LIMIT");
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.error_details(), HasSubstr("google.rpc.RetryInfo"));
  EXPECT_EQ(taken, 65) << "64 and the one that was refused";
}

// Clause: W7
TEST_F(ExchangeTest, OnlyTheEndpointOfTheContractIsCalledWhateverItAnswers) {
  PaymentChannel elsewhere(&shop_.gateway().pki(), AnswerTooMuch);
  PaymentChannel channel(&shop_.gateway().pki(), [&](grpc::ServerContext* context, const shop::v1::PaymentRequest&,
                                                     clearpay::v1::AuthorizeResponse*) {
    context->AddTrailingMetadata("location", "https://" + elsewhere.address() + "/");
    context->AddTrailingMetadata("alt-svc", "h2=\"" + elsewhere.address() + "\"");
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "302 moved to https://" + elsewhere.address());
  });
  shop_.Open(nullptr, {elsewhere.Endpoint("elsewhere"), channel.Endpoint("authorize")});
  shop::v1::PaymentRequest payment = Payment("PAY-3");
  payment.set_statement_text("https://" + elsewhere.address());
  v1::ExchangeResponse response;
  const grpc::Status status = Exchange(payment, &response);
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(status.error_message(), Not(HasSubstr(elsewhere.address()))) << "the shop is not sent there either";
  EXPECT_GE(channel.requests().size(), 1u);
  EXPECT_THAT(elsewhere.requests(), IsEmpty());
}

}  // namespace
}  // namespace postern::testing
