// bench-sink: a partner that is called directly, with or without a proxy in front, and a bare stream between a shop and
// partners. mTLS, callback API, as fair a peer as gRPC gives.
#include <atomic>
#include <csignal>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <thread>

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <CLI/CLI.hpp>

#include "absl/synchronization/mutex.h"
#include "postern/bench/v1/sink_service.grpc.pb.h"
#include "tests/bench/gateway/forwarder.h"

namespace {

namespace v1 = postern::bench::v1;

volatile std::sig_atomic_t stop_requested = 0;

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream content;
  content << in.rdbuf();
  return content.str();
}

// Answers each message after it was read.
class PutStreamReactor final : public grpc::ServerBidiReactor<v1::PutStreamRequest, v1::PutStreamResponse> {
 public:
  explicit PutStreamReactor(std::atomic<uint64_t>& count) : count_(count) { StartRead(&request_); }
  void OnReadDone(bool ok) override {
    if (!ok) {
      Finish(grpc::Status::OK);
      return;
    }
    count_ += static_cast<uint64_t>(request_.records_size());
    response_.set_taken(static_cast<uint32_t>(request_.records_size()));
    StartWrite(&response_);
  }
  void OnWriteDone(bool ok) override {
    if (ok)
      StartRead(&request_);
    else
      Finish(grpc::Status::CANCELLED);
  }
  void OnDone() override { delete this; }

 private:
  std::atomic<uint64_t>& count_;
  v1::PutStreamRequest request_;
  v1::PutStreamResponse response_;
};

class Sink final : public v1::SinkService::CallbackService {
 public:
  grpc::ServerUnaryReactor* Put(grpc::CallbackServerContext* context, const v1::PutRequest*,
                                v1::PutResponse* response) override {
    response->set_count(++count_);
    auto* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
  grpc::ServerBidiReactor<v1::PutStreamRequest, v1::PutStreamResponse>* PutStream(
      grpc::CallbackServerContext*) override {
    return new PutStreamReactor(count_);
  }

 private:
  std::atomic<uint64_t> count_{0};
};

}  // namespace

int main(int argc, char** argv) {
  std::string address, certificate, key, ca;
  CLI::App app("The peer of the gateway benchmark", "bench-sink");
  app.add_option("--address", address)->required();
  app.add_option("--cert", certificate)->required();
  app.add_option("--key", key)->required();
  app.add_option("--ca", ca)->required();
  CLI11_PARSE(app, argc, argv);
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // as in posternd
  std::signal(SIGTERM, [](int) { stop_requested = 1; });
  grpc::SslServerCredentialsOptions tls(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  tls.pem_root_certs = ReadFile(ca);
  tls.pem_key_cert_pairs.push_back({ReadFile(key), ReadFile(certificate)});
  Sink sink;
  grpc::ServerBuilder builder;
  // nginx drops its keepalive connections when it gets BDP pings, and would look slow.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  int port = 0;
  builder.AddListeningPort(address, grpc::SslServerCredentials(tls), &port);
  builder.RegisterService(&sink);
  postern::bench::ForwardLanes lanes;
  postern::bench::ForwardServer forward(&lanes);
  postern::bench::ForwardReceiveServer receive(&lanes);
  builder.RegisterService(&forward);
  builder.RegisterService(&receive);
  const auto server = builder.BuildAndStart();
  if (server == nullptr || port == 0) return 1;
  std::cout << port << std::endl;
  while (stop_requested == 0) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  return 0;
}
