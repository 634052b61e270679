// What the client sends again, and what it never does.
#include "client/storefront/storefront_client.h"

#include <gtest/gtest.h>

#include "absl/time/clock.h"
#include "tests/unit/client/storefront/fake_gateway.h"

namespace postern::client {
namespace {

StorefrontOptions Quick() {
  StorefrontOptions options;
  options.deadline = absl::Seconds(5);
  options.first_backoff = absl::Milliseconds(1);
  return options;
}

TEST(StorefrontClientTest, AnExchangeWhoseConnectionBrokeIsNotSentAgain) {
  FakeGateway gateway;
  gateway.on_exchange = [](int call, const v1::ExchangeRequest&, v1::ExchangeResponse*) {
    // A replay would say "delivered", without what the partner answered.
    return call == 1 ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "connection reset") : grpc::Status::OK;
  };
  StorefrontClient client(gateway.Channel(), Quick());
  EXPECT_EQ(client.Exchange({}).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(gateway.calls, 1);
}

TEST(StorefrontClientTest, AnUnreachablePartnerIsNotAskedForWithTheSameId) {
  FakeGateway gateway;
  gateway.on_exchange = [](int, const v1::ExchangeRequest&, v1::ExchangeResponse*) {
    return Refused(v1::ERROR_REASON_PARTNER_UNREACHABLE);
  };
  StorefrontClient client(gateway.Channel(), Quick());
  EXPECT_EQ(ReasonOf(client.Exchange({}).status()), v1::ERROR_REASON_PARTNER_UNREACHABLE);
  EXPECT_EQ(gateway.calls, 1);
}

TEST(StorefrontClientTest, AnExchangeThatWasNotBegunIsTriedAgainWithinOneDeadline) {
  FakeGateway gateway;
  gateway.on_exchange = [](int call, const v1::ExchangeRequest&, v1::ExchangeResponse* response) {
    if (call == 1) return Refused(v1::ERROR_REASON_OVERLOADED);
    if (call == 2) return Refused(v1::ERROR_REASON_DRAINING);
    if (call == 3) return Refused(v1::ERROR_REASON_LEDGER_UNAVAILABLE);
    response->mutable_response()->set_type("shop.v1.PaymentResult");
    return grpc::Status::OK;
  };
  StorefrontClient client(gateway.Channel(), Quick());
  const auto result = client.Exchange({});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(gateway.calls, 4);
  ASSERT_TRUE(result->response.has_value());

  // The last attempt has no more time than what is left.
  gateway.calls = 0;
  gateway.on_exchange = [](int call, const v1::ExchangeRequest&, v1::ExchangeResponse*) {
    absl::SleepFor(call == 1 ? absl::Milliseconds(700) : absl::Seconds(3));
    return Refused(v1::ERROR_REASON_OVERLOADED);
  };
  StorefrontOptions options = Quick();
  options.deadline = absl::Seconds(1);
  StorefrontClient hurried(gateway.Channel(), options);
  const absl::Time start = absl::Now();
  EXPECT_FALSE(hurried.Exchange({}).ok());
  EXPECT_LT(absl::Now() - start, absl::Milliseconds(1500));
}

TEST(StorefrontClientTest, AReplayedExchangeSaysThatItsAnswerIsGone) {
  FakeGateway gateway;
  gateway.on_exchange = [](int, const v1::ExchangeRequest&, v1::ExchangeResponse* response) {
    response->mutable_disclosure()->set_state(v1::DISCLOSURE_STATE_DELIVERED);
    return grpc::Status::OK;
  };
  StorefrontClient client(gateway.Channel(), Quick());
  const auto result = client.Exchange({});
  ASSERT_TRUE(result.ok());
  EXPECT_FALSE(result->response.has_value());
}

TEST(StorefrontClientTest, TargetsThatFailedForTheTimeBeingAreTriedAgainWithTheSameId) {
  FakeGateway gateway;
  std::vector<std::string> ids;
  gateway.on_create = [&ids](int call, const v1::CreateDisclosureRequest& request,
                             v1::CreateDisclosureResponse* response) {
    ids.push_back(request.request_id());
    response->add_results()->mutable_disclosure()->set_name("first");
    if (call == 1) {
      *response->add_results()->mutable_error() = ToRpcStatus(MakeError(v1::ERROR_REASON_LEDGER_UNAVAILABLE, "test"));
    } else {
      response->add_results()->mutable_disclosure()->set_name("second");
    }
    return grpc::Status::OK;
  };
  StorefrontClient client(gateway.Channel(), Quick());
  const auto response = client.Disclose({});
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_EQ(ids.size(), 2u);
  EXPECT_EQ(ids[0], ids[1]);
  ASSERT_EQ(response->results_size(), 2);
  EXPECT_EQ(response->results(1).disclosure().name(), "second");
}

TEST(StorefrontClientTest, TargetsThatAreRefusedAreNot) {
  FakeGateway gateway;
  gateway.on_create = [](int, const v1::CreateDisclosureRequest&, v1::CreateDisclosureResponse* response) {
    *response->add_results()->mutable_error() = ToRpcStatus(MakeError(v1::ERROR_REASON_PURPOSE_NOT_GRANTED, "test"));
    return grpc::Status::OK;
  };
  StorefrontClient client(gateway.Channel(), Quick());
  const auto response = client.Disclose({});
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->results_size(), 1);
  EXPECT_EQ(gateway.calls, 1);
}

}  // namespace
}  // namespace postern::client
