#include "server/rpc/listener.h"

#include <grpc/impl/codegen/grpc_types.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/impl/server_builder_plugin.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/errors/error.h"

namespace postern::rpc {
namespace {

constexpr int kMiB = 1 << 20;

// Every limit of gRPC 1.51, set on purpose; its own defaults are in the comments.
struct TransportLimits {
  int max_receive_bytes;  // 4 MiB
  int max_send_bytes;     // unlimited
  int max_streams;        // unlimited, per connection
  int lookahead_bytes;    // 64 KiB: flow-control window of one stream towards us
};

TransportLimits LimitsOf(identity::Listener kind) {
  switch (kind) {
    case identity::Listener::kShop:  // a batch of 512 records of 32 KiB
      return {16 * kMiB, 16 * kMiB, 1024, kMiB};
    case identity::Listener::kPartners:  // acknowledgements and attestations in, records out
      return {4 * kMiB, 4 * kMiB, 64, kMiB / 16};
    case identity::Listener::kOperators:  // policy bundles with their descriptors
      return {16 * kMiB, 16 * kMiB, 64, kMiB / 4};
  }
  return {};
}

void SetLimits(identity::Listener kind, grpc::ServerBuilder* builder) {
  const TransportLimits limits = LimitsOf(kind);
  builder->SetMaxReceiveMessageSize(limits.max_receive_bytes);
  builder->SetMaxSendMessageSize(limits.max_send_bytes);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, limits.max_streams);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, limits.lookahead_bytes);
  builder->AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 8 * 1024);                           // 8 KiB
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);                             // 2 h
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);                          // 20 s
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);                     // no
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);  // 5 min
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 2);                             // 2
  builder->AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10'000);                   // 2 min
  // The windows above are fixed: no probe pings, and no window that grows with what a sender can push.
  builder->AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);  // on
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // on: a second gateway would take half of the calls
  // Compression next to secrets leaks their length, and a small message can unpack to a large one.
  builder->SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder->SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
}

// Reflection as asked for. Linking the library switches it on for every server of the process: where it is not wanted
// it has to go.
class ReflectionOption final : public grpc::ServerBuilderOption {
 public:
  explicit ReflectionOption(bool on) : on_(on) {}
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    grpc::reflection::ProtoServerReflectionPlugin reflection;
    const std::string name = reflection.name();
    if (!on_)
      plugins->erase(std::remove_if(plugins->begin(), plugins->end(),
                                    [&name](const auto& plugin) { return plugin->name() == name; }),
                     plugins->end());
  }

 private:
  const bool on_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Start(const Options& options) {
  std::unique_ptr<Listener> listener(new Listener(options));
  const auto credentials =
      MakeServerCredentials(options.kind, *options.server_identity, options.resolver, options.clock);

  grpc::ServerBuilder builder;
  SetLimits(options.kind, &builder);
  builder.SetResourceQuota(*options.quota);
  for (grpc::Service* service : options.services) builder.RegisterService(service);
  builder.SetOption(std::make_unique<ReflectionOption>(options.reflection));

  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> sink;
  if (options.connections != nullptr) {
    POSTERN_ASSIGN_OR_RETURN(listener->acceptor_,
                             Acceptor::Listen({options.address, options.max_connections}, options.connections));
    sink = builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, credentials);
    listener->port_ = listener->acceptor_->port();
  } else {
    builder.AddListeningPort(options.address, credentials, &listener->port_);
  }
  listener->server_ = builder.BuildAndStart();
  if (listener->server_ == nullptr || listener->port_ == 0) {
    return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, absl::StrCat("cannot listen on ", options.address));
  }
  listener->SetServing(false);
  if (sink != nullptr) listener->acceptor_->Start(std::move(sink));
  return listener;
}

Listener::~Listener() {
  Shutdown(absl::InfinitePast());
}

void Listener::SetServing(bool serving) {
  if (server_ == nullptr) return;
  if (auto* health = server_->GetHealthCheckService()) health->SetServingStatus(serving);
}

void Listener::Shutdown(absl::Time deadline) {
  if (server_ == nullptr || down_) return;
  down_ = true;
  if (acceptor_ != nullptr) acceptor_->Stop();
  gate_->Drain();
  server_->Shutdown(absl::ToChronoTime(deadline));
  server_->Wait();
}

}  // namespace postern::rpc
