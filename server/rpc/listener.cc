#include "server/rpc/listener.h"

#include <grpc/impl/codegen/grpc_types.h>

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
  // Compression next to secrets leaks their length, and a small message can unpack to a large one. A call that says it
  // is compressed is refused; what would pack and unpack need not stand in the way of every other one.
  builder->SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder->SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder->AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0);    // on
  builder->AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);  // on
  builder->AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 0);                   // on: nobody asks what it counts
}

std::vector<std::string> NamesOf(const Listener::Options& options) {
  std::vector<std::string> names = {grpc::health::v1::Health::service_full_name()};
  if (options.reflection) names.push_back(grpc::reflection::v1alpha::ServerReflection::service_full_name());
  for (const Listener::Options::Service& service : options.services) names.push_back(service.name);
  return names;
}

}  // namespace

Listener::Listener(const Options& options)
    : gate_(options.gate),
      health_(options.gate, NamesOf(options)),
      reflection_(options.gate, NamesOf(options)),
      unknown_methods_(options.gate) {}

absl::StatusOr<std::unique_ptr<Listener>> Listener::Start(const Options& options) {
  std::unique_ptr<Listener> listener(new Listener(options));
  const auto credentials =
      MakeServerCredentials(options.kind, *options.server_identity, options.resolver, options.clock);

  grpc::ServerBuilder builder;
  SetLimits(options.kind, &builder);
  builder.SetResourceQuota(*options.quota);
  for (const Options::Service& service : options.services) builder.RegisterService(service.service);
  builder.RegisterService(&listener->health_);
  if (options.reflection) builder.RegisterService(&listener->reflection_);
  builder.RegisterCallbackGenericService(&listener->unknown_methods_);

  POSTERN_ASSIGN_OR_RETURN(listener->acceptor_,
                           Acceptor::Listen({options.address, options.max_connections}, options.connections));
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> sink =
      builder.experimental().AddExternalConnectionAcceptor(
          grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, credentials);
  listener->port_ = listener->acceptor_->port();
  listener->server_ = builder.BuildAndStart();
  if (listener->server_ == nullptr || listener->port_ == 0) {
    return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, absl::StrCat("cannot listen on ", options.address));
  }
  listener->acceptor_->Start(std::move(sink));
  return listener;
}

Listener::~Listener() {
  Shutdown(absl::InfinitePast());
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
