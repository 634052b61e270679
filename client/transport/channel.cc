#include "client/transport/channel.h"

#include <fstream>
#include <sstream>

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"

namespace postern::client {
namespace {

absl::StatusOr<std::string> ReadPem(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream content;
  content << in.rdbuf();
  if (!in.good() || content.str().empty()) {
    return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, absl::StrCat("cannot read PEM file ", path), {{"file", path}});
  }
  return content.str();
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const Endpoint& endpoint) {
  grpc::SslCredentialsOptions tls;
  POSTERN_ASSIGN_OR_RETURN(tls.pem_cert_chain, ReadPem(endpoint.tls.certificate));
  POSTERN_ASSIGN_OR_RETURN(tls.pem_private_key, ReadPem(endpoint.tls.private_key));
  POSTERN_ASSIGN_OR_RETURN(tls.pem_root_certs, ReadPem(endpoint.tls.trust_bundle));
  grpc::ChannelArguments args;
  if (!endpoint.server_name.empty()) args.SetSslTargetNameOverride(endpoint.server_name);
  args.SetMaxReceiveMessageSize(endpoint.max_message_bytes);
  args.SetMaxSendMessageSize(endpoint.max_message_bytes);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  args.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);  // retries are the SDK's, with request ids
  return grpc::CreateCustomChannel(endpoint.address, grpc::SslCredentials(tls), args);
}

}  // namespace postern::client
