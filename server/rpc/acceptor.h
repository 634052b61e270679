// Accepts connections itself and hands them to a gRPC server, keeping a second descriptor of each in a ConnectionTable.
#pragma once

#include <grpcpp/server_builder.h>

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/rpc/connection_table.h"

namespace postern::rpc {

class Acceptor {
 public:
  struct Options {
    std::string address;         // "host:port", the host an IP address, IPv6 in brackets
    size_t max_connections = 0;  // more are closed at once
  };
  // Binds and listens, so that the port is known; nothing is accepted yet. INVALID_ARGUMENT if the address is not one,
  // or not to be had. `table` outlives this.
  static absl::StatusOr<std::unique_ptr<Acceptor>> Listen(const Options& options, ConnectionTable* table);
  ~Acceptor() { Stop(); }

  int port() const { return port_; }
  // Starts accepting. `sink` comes from ServerBuilder::AddExternalConnectionAcceptor of a server that has started.
  // Called once.
  void Start(std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> sink);
  // Stops accepting; connections go on. Idempotent. Before the server is destroyed.
  void Stop();

 private:
  Acceptor(const Options& options, ConnectionTable* table, UniqueFd listener, UniqueFd poller, UniqueFd stop, int port);
  void Run();
  void AcceptAll();
  void Admit(UniqueFd socket, std::string peer);

  // Constant after construction.
  const size_t max_connections_;
  ConnectionTable* const table_;
  const UniqueFd poller_;
  const UniqueFd stop_;
  const int port_;

  UniqueFd listener_;                                                     // the thread alone, once it runs
  absl::flat_hash_map<int, std::string> peers_;                           // second descriptors; the thread alone
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> sink_;  // the thread alone
  std::thread thread_;
};

}  // namespace postern::rpc
