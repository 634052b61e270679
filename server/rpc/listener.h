// One mutual-TLS listener: a gRPC server with its services, its limits and, for partners, its own acceptor.
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/rpc/acceptor.h"
#include "server/rpc/call_gate.h"
#include "server/rpc/health_service.h"
#include "server/rpc/reflection_service.h"
#include "server/rpc/tls.h"
#include "server/rpc/unknown_methods.h"

namespace postern::rpc {

class Listener {
 public:
  struct Options {
    identity::Listener kind = identity::Listener::kShop;
    std::string address;  // "host:port"; port 0 picks one
    struct Service {
      std::string name;        // full, as in the descriptors
      grpc::Service* service;  // borrowed
    };
    std::vector<Service> services;         // besides health and reflection
    CallGate* gate = nullptr;              // borrowed
    grpc::ResourceQuota* quota = nullptr;  // shared by all listeners
    const ServerIdentity* server_identity = nullptr;
    identity::PrincipalResolver* resolver = nullptr;
    std::function<absl::Time()> clock;
    ConnectionTable* connections = nullptr;  // borrowed; of this listener alone
    size_t max_connections = 1024;
    bool reflection = false;
  };

  // Serves when it returns; grpc.health.v1 says NOT_SERVING until SetServing. INVALID_ARGUMENT if the address cannot be
  // listened on. Everything that answers here enters through the gate.
  static absl::StatusOr<std::unique_ptr<Listener>> Start(const Options& options);
  // Shutdown at once, if it was not called.
  ~Listener();

  int port() const { return port_; }
  // What grpc.health.v1 answers on this listener, for the server ("") and for each service.
  void SetServing(bool serving) { health_.SetServing(serving); }
  // Refuses new calls, asks streams to end, lets calls in flight finish until `deadline` and cancels the rest. Blocks.
  void Shutdown(absl::Time deadline);

 private:
  explicit Listener(const Options& options);

  CallGate* const gate_;
  HealthService health_;
  ReflectionService reflection_;
  UnknownMethods unknown_methods_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Acceptor> acceptor_;
  bool down_ = false;
};

}  // namespace postern::rpc
