// The operations listener: GET /healthz and GET /metrics over plain HTTP, loopback by default. Nothing personal,
// nothing to command.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

struct mg_context;
struct mg_connection;

namespace postern::gateway {

class OperationsEndpoint {
 public:
  struct Content {
    std::function<bool()> serving;         // /healthz: 200 "SERVING" or 503 "NOT_SERVING"
    std::function<std::string()> metrics;  // /metrics: Prometheus text
  };
  // Serves when it returns. INVALID_ARGUMENT if the address cannot be listened on.
  static absl::StatusOr<std::unique_ptr<OperationsEndpoint>> Start(const std::string& address, Content content);
  ~OperationsEndpoint();

  int port() const { return port_; }

 private:
  explicit OperationsEndpoint(Content content) : content_(std::move(content)) {}
  static int OnHealth(mg_connection* connection, void* self);
  static int OnMetrics(mg_connection* connection, void* self);
  static int OnOther(mg_connection* connection, void* self);

  const Content content_;
  mg_context* server_ = nullptr;
  std::string host_;
  int port_ = 0;
};

}  // namespace postern::gateway
