// A storefront service in this process whose answers a test writes.
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>

#include "proto/errors/error.h"
#include "proto/errors/rpc_status.h"
#include "proto/postern/v1/storefront_service.grpc.pb.h"

namespace postern::client {

// As the gateway sends it: with ErrorInfo in the details.
inline grpc::Status Refused(v1::ErrorReason reason) {
  const absl::Status status = MakeError(reason, "test");
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), "test", ToRpcStatus(status).SerializeAsString());
}

class FakeGateway final : public v1::StorefrontService::Service {
 public:
  using StreamFn = std::function<grpc::Status(
      grpc::ServerReaderWriter<v1::StreamDisclosuresResponse, v1::StreamDisclosuresRequest>*)>;

  FakeGateway() {
    grpc::ServerBuilder builder;
    builder.RegisterService(this);
    builder.SetMaxReceiveMessageSize(16 << 20);
    server_ = builder.BuildAndStart();
  }
  ~FakeGateway() override { server_->Shutdown(std::chrono::system_clock::now()); }

  std::shared_ptr<grpc::Channel> Channel() { return server_->InProcessChannel(grpc::ChannelArguments()); }

  // Each is given the number of the call, from 1.
  std::function<grpc::Status(int, const v1::CreateDisclosureRequest&, v1::CreateDisclosureResponse*)> on_create;
  std::function<grpc::Status(int, const v1::ExchangeRequest&, v1::ExchangeResponse*)> on_exchange;
  StreamFn on_stream;
  std::function<grpc::Status(int)> on_watch;
  std::atomic<int> calls{0};

 private:
  grpc::Status CreateDisclosure(grpc::ServerContext*, const v1::CreateDisclosureRequest* request,
                                v1::CreateDisclosureResponse* response) override {
    return on_create(++calls, *request, response);
  }
  grpc::Status Exchange(grpc::ServerContext*, const v1::ExchangeRequest* request,
                        v1::ExchangeResponse* response) override {
    return on_exchange(++calls, *request, response);
  }
  grpc::Status StreamDisclosures(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<v1::StreamDisclosuresResponse, v1::StreamDisclosuresRequest>* stream) override {
    ++calls;
    return on_stream(stream);
  }
  grpc::Status WatchOutcomes(grpc::ServerContext*, const v1::WatchOutcomesRequest*,
                             grpc::ServerWriter<v1::WatchOutcomesResponse>*) override {
    return on_watch(++calls);
  }

  std::unique_ptr<grpc::Server> server_;
};

}  // namespace postern::client
