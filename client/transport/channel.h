// An mTLS channel to a Postern gateway. There is no other kind of channel.
#pragma once

#include <memory>
#include <string>

#include <grpcpp/channel.h>

#include "absl/status/statusor.h"

namespace postern::client {

// PEM files of the caller. Read once, when the channel is made.
struct TlsFiles {
  std::string certificate;   // chain, leaf first
  std::string private_key;   // of the leaf
  std::string trust_bundle;  // CAs that may vouch for the gateway
};

// Where and how to connect.
struct Endpoint {
  std::string address;      // "host:port"
  std::string server_name;  // SAN that the gateway must present; the host of `address` where empty
  TlsFiles tls;
  int max_message_bytes = 16 << 20;  // larger messages are refused by the channel
};

// A lazily connecting channel. Errors: INVALID_ARGUMENT names the file that cannot be read.
absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const Endpoint& endpoint);

}  // namespace postern::client
