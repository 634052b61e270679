// A partner's side of push: serves PartnerReceiverService over mutual TLS and hands every record to a handler.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <grpcpp/server.h>

#include "absl/status/statusor.h"
#include "client/partner/receive_loop.h"

namespace postern::client {

struct PushReceiverOptions {
  std::string address;      // "host:port" to listen on; port 0 takes a free one
  std::string partner;      // "partners/{partner}": records of no other are taken
  std::string endpoint;     // the endpoint's id in the partner's resource
  std::string gateway_san;  // the one SAN that the gateway's client certificate has: nobody else is let in
  // PEM.
  std::string certificate_chain;
  std::string private_key;
  std::string gateway_trust_bundle;  // CAs that may vouch for the gateway
};

// Serves from Start to its destruction. The handler is called from several threads, for one record of a record key at a
// time, and again for a record whose answer was lost: it must treat a known DeliveredRecord.disclosure as stored.
class PushReceiver {
 public:
  using HandlerFn = std::function<Handled(const v1::DeliveredRecord& record)>;

  // INVALID_ARGUMENT if it cannot listen there with that certificate.
  static absl::StatusOr<std::unique_ptr<PushReceiver>> Start(PushReceiverOptions options, HandlerFn handler);
  // Takes no call any more and waits for handlers.
  ~PushReceiver();
  PushReceiver(const PushReceiver&) = delete;

  int port() const { return port_; }

 private:
  class Service;
  explicit PushReceiver(std::unique_ptr<Service> service);

  const std::unique_ptr<Service> service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace postern::client
