// Stopping loses nothing that was handled.
#include "client/partner/receive_loop.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

namespace postern::client {
namespace {

using ServerStream = grpc::ServerReaderWriter<v1::ReceiveResponse, v1::ReceiveRequest>;

// Sends its records in one message and reads until the partner has nothing more to say.
class FakeGateway final : public v1::PartnerService::Service {
 public:
  explicit FakeGateway(int records) : records_(records) {
    grpc::ServerBuilder builder;
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~FakeGateway() override { server_->Shutdown(std::chrono::system_clock::now()); }
  std::shared_ptr<grpc::Channel> Channel() { return server_->InProcessChannel(grpc::ChannelArguments()); }

  std::vector<uint64_t> acknowledged;
  std::atomic<int> credits{0};
  absl::Notification opened;
  absl::Notification half_closed;

 private:
  grpc::Status Receive(grpc::ServerContext* context, ServerStream* stream) override {
    v1::ReceiveRequest request;
    stream->Read(&request);
    opened.Notify();
    v1::ReceiveResponse batch;
    for (int i = 1; i <= records_; ++i) batch.add_records()->set_delivery(static_cast<uint64_t>(i));
    if (records_ > 0) stream->Write(batch);
    while (stream->Read(&request)) {
      for (const auto& range : request.acknowledged()) {
        for (uint64_t d = range.first(); d <= range.last(); ++d) acknowledged.push_back(d);
      }
      credits += static_cast<int>(request.add_records());
    }
    if (!context->IsCancelled()) half_closed.Notify();
    return grpc::Status::OK;
  }

  const int records_;
  std::unique_ptr<grpc::Server> server_;
};

TEST(ReceiveLoopTest, StopEndsAfterTheRecordInHandAndAcknowledgesIt) {
  FakeGateway gateway(3);
  absl::Notification in_hand;
  absl::Notification go_on;
  std::vector<uint64_t> handled;
  ReceiveLoop loop(
      gateway.Channel(), {},
      [&](const v1::DeliveredRecord& record) {
        handled.push_back(record.delivery());
        if (record.delivery() == 1) {
          in_hand.Notify();
          go_on.WaitForNotification();
        }
        return Handled::kStored;
      },
      [](const absl::Status&) { return false; });
  in_hand.WaitForNotification();
  std::thread stopper([&loop] { loop.Stop(); });
  absl::SleepFor(absl::Milliseconds(100));
  go_on.Notify();
  stopper.join();
  EXPECT_EQ(handled, std::vector<uint64_t>{1});
  ASSERT_TRUE(gateway.half_closed.WaitForNotificationWithTimeout(absl::Seconds(5)));
  EXPECT_EQ(gateway.acknowledged, std::vector<uint64_t>{1});
  EXPECT_EQ(gateway.credits, 0) << "it asks for nothing more";
}

TEST(ReceiveLoopTest, StopHalfClosesAnIdleStream) {
  FakeGateway gateway(0);
  ReceiveLoop loop(
      gateway.Channel(), {}, [](const v1::DeliveredRecord&) { return Handled::kStored; },
      [](const absl::Status&) { return false; });
  gateway.opened.WaitForNotification();
  absl::SleepFor(absl::Milliseconds(100));
  const absl::Time start = absl::Now();
  loop.Stop();
  EXPECT_LT(absl::Now() - start, absl::Seconds(1));
  EXPECT_TRUE(gateway.half_closed.WaitForNotificationWithTimeout(absl::Seconds(5)));
}

}  // namespace
}  // namespace postern::client
