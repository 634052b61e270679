#include "server/gateway/operations_endpoint.h"

#include <civetweb.h>

#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/notification.h"
#include "proto/errors/error.h"

namespace postern::gateway {
namespace {

int Reply(mg_connection* connection, int code, absl::string_view phrase, std::string body) {
  const absl::string_view method = mg_get_request_info(connection)->request_method;
  if (method != "GET" && method != "HEAD") {
    code = 405;
    phrase = "Method Not Allowed";
    body.clear();
  }
  const std::string head =
      absl::StrCat("HTTP/1.1 ", code, " ", phrase,
                   "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: ", body.size(),
                   "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n");
  mg_write(connection, head.data(), head.size());
  if (method == "GET") mg_write(connection, body.data(), body.size());
  return code;
}

}  // namespace

absl::StatusOr<std::unique_ptr<OperationsEndpoint>> OperationsEndpoint::Start(const std::string& address,
                                                                              Content content) {
  std::unique_ptr<OperationsEndpoint> endpoint(new OperationsEndpoint(std::move(content)));
  const char* const options[] = {"listening_ports",
                                 address.c_str(),
                                 "num_threads",
                                 "2",
                                 "request_timeout_ms",
                                 "5000",
                                 "enable_keep_alive",
                                 "no",
                                 "max_request_size",
                                 "4096",
                                 "enable_auth_domain_check",
                                 "no",
                                 nullptr};
  mg_callbacks callbacks{};
  callbacks.log_message = [](const mg_connection*, const char*) { return 1; };  // requests are not logged
  endpoint->server_ = mg_start(&callbacks, endpoint.get(), const_cast<const char**>(options));
  if (endpoint->server_ == nullptr) {
    return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, absl::StrCat("cannot listen on ", address));
  }
  endpoint->host_ = address.substr(0, address.rfind(':'));
  mg_server_port port{};
  if (mg_get_server_ports(endpoint->server_, 1, &port) == 1) endpoint->port_ = port.port;
  mg_set_request_handler(endpoint->server_, "/healthz$", &OnHealth, endpoint.get());
  mg_set_request_handler(endpoint->server_, "/metrics$", &OnMetrics, endpoint.get());
  mg_set_request_handler(endpoint->server_, "**", &OnOther, endpoint.get());
  return endpoint;
}

OperationsEndpoint::~OperationsEndpoint() {
  if (server_ == nullptr) return;
  absl::Notification stopped;
  std::thread stopping([this, &stopped] {
    mg_stop(server_);
    stopped.Notify();
  });
  // CivetWeb looks every two seconds whether it should stop, unless somebody connects.
  do {
    char error[64];
    mg_connection* knock = mg_connect_client(host_.c_str(), port_, 0, error, sizeof(error));
    if (knock != nullptr) mg_close_connection(knock);
  } while (!stopped.WaitForNotificationWithTimeout(absl::Milliseconds(20)));
  stopping.join();
}

int OperationsEndpoint::OnHealth(mg_connection* connection, void* self) {
  const bool serving = static_cast<OperationsEndpoint*>(self)->content_.serving();
  return serving ? Reply(connection, 200, "OK", "SERVING\n")
                 : Reply(connection, 503, "Service Unavailable", "NOT_SERVING\n");
}

int OperationsEndpoint::OnMetrics(mg_connection* connection, void* self) {
  return Reply(connection, 200, "OK", static_cast<OperationsEndpoint*>(self)->content_.metrics());
}

int OperationsEndpoint::OnOther(mg_connection* connection, void*) {
  return Reply(connection, 404, "Not Found", "GET /healthz or /metrics\n");
}

}  // namespace postern::gateway
