// Streams that cannot go on say why, at once.
#include <gtest/gtest.h>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "client/storefront/disclosure_pipeline.h"
#include "client/storefront/outcome_watcher.h"
#include "tests/unit/client/storefront/fake_gateway.h"

namespace postern::client {
namespace {

TEST(DisclosurePipelineTest, ARefusalThatNoReconnectingHelpsIsGivenAtOnce) {
  FakeGateway gateway;
  gateway.on_stream = [](auto*) { return Refused(v1::ERROR_REASON_ROLE_DENIED); };
  std::vector<absl::Status> answers;
  DisclosurePipeline pipeline(gateway.Channel(), {}, [&answers](const v1::DisclosureAnswer& answer) {
    answers.push_back(FromRpcStatus(answer.status()));
  });
  const absl::Time start = absl::Now();
  ASSERT_TRUE(pipeline.Send({}).ok());
  EXPECT_EQ(ReasonOf(pipeline.Finish()), v1::ERROR_REASON_ROLE_DENIED);
  EXPECT_LT(absl::Now() - start, absl::Seconds(10));
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(ReasonOf(answers[0]), v1::ERROR_REASON_ROLE_DENIED);
  EXPECT_EQ(gateway.calls, 1);
  EXPECT_EQ(pipeline.Send({}).code(), absl::StatusCode::kFailedPrecondition);
}

TEST(DisclosurePipelineTest, ABrokenStreamIsMadeAgainAndGivingUpNamesTheCause) {
  FakeGateway gateway;
  gateway.on_stream = [](auto*) { return grpc::Status(grpc::StatusCode::UNAVAILABLE, "going away"); };
  PipelineOptions options;
  options.reconnect_backoff = absl::Milliseconds(1);
  options.give_up_after = absl::Milliseconds(200);
  DisclosurePipeline pipeline(gateway.Channel(), options, [](const v1::DisclosureAnswer&) {});
  ASSERT_TRUE(pipeline.Send({}).ok());
  const absl::Status finished = pipeline.Finish();
  EXPECT_EQ(finished.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(finished.message().find("going away"), absl::string_view::npos) << finished;
  EXPECT_GT(gateway.calls, 1);
}

TEST(DisclosurePipelineTest, AMessageStaysBelowTheTransportsLimit) {
  FakeGateway gateway;
  gateway.on_stream = [](auto* stream) {
    v1::StreamDisclosuresRequest request;
    while (stream->Read(&request)) {
      v1::StreamDisclosuresResponse response;
      for (const auto& one : request.requests()) response.add_answers()->set_request_id(one.request_id());
      stream->Write(response);
    }
    return grpc::Status::OK;
  };
  std::atomic<int> answered{0};
  DisclosurePipeline pipeline(gateway.Channel(), {}, [&answered](const v1::DisclosureAnswer& answer) {
    if (answer.status().code() == 0) ++answered;
  });
  v1::CreateDisclosureRequest request;
  request.mutable_record()->set_data(std::string(1000000, 'x'));
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(pipeline.Send(request).ok());
  v1::CreateDisclosureRequest huge;
  huge.mutable_record()->set_data(std::string(9 << 20, 'x'));
  EXPECT_EQ(ReasonOf(pipeline.Send(huge)), v1::ERROR_REASON_RECORD_TOO_LARGE);
  EXPECT_TRUE(pipeline.Finish().ok());
  EXPECT_EQ(answered, 40);
}

TEST(OutcomeWatcherTest, ABadResumeTokenIsToldOnceAndEndsTheWatch) {
  FakeGateway gateway;
  gateway.on_watch = [](int) { return Refused(v1::ERROR_REASON_INVALID_ARGUMENT); };
  absl::Notification failed;
  absl::Status why;
  OutcomeWatcher watcher(
      gateway.Channel(), "nonsense", [](const v1::WatchOutcomesResponse&) { return true; },
      [&](const absl::Status& status) {
        why = status;
        failed.Notify();
      });
  ASSERT_TRUE(failed.WaitForNotificationWithTimeout(absl::Seconds(5)));
  EXPECT_EQ(ReasonOf(why), v1::ERROR_REASON_INVALID_ARGUMENT);
  absl::SleepFor(absl::Milliseconds(300));
  EXPECT_EQ(gateway.calls, 1);
}

TEST(OutcomeWatcherTest, ABrokenStreamIsMadeAgain) {
  FakeGateway gateway;
  absl::Notification again;
  gateway.on_watch = [&again](int call) {
    if (call == 2) again.Notify();
    return call < 2 ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "going away") : Refused(v1::ERROR_REASON_DRAINING);
  };
  OutcomeWatcher watcher(
      gateway.Channel(), "", [](const v1::WatchOutcomesResponse&) { return true; },
      [](const absl::Status& status) { ADD_FAILURE() << status; });
  EXPECT_TRUE(again.WaitForNotificationWithTimeout(absl::Seconds(5)));
}

}  // namespace
}  // namespace postern::client
