#include "server/rpc/status.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "proto/errors/error.h"
#include "proto/errors/rpc_status.h"

namespace postern::rpc {

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const auto code = static_cast<grpc::StatusCode>(status.code());
  if (ReasonOf(status) == v1::ERROR_REASON_UNSPECIFIED) return grpc::Status(code, "internal error");
  google::rpc::Status details = ToRpcStatus(status);
  status.ForEachPayload([&details](absl::string_view url, const absl::Cord& value) {
    if (!absl::StartsWith(url, "type.googleapis.com/")) return;
    google::protobuf::Any* detail = details.add_details();
    detail->set_type_url(std::string(url));
    detail->set_value(std::string(value));
  });
  return grpc::Status(code, std::string(status.message()), details.SerializeAsString());
}

}  // namespace postern::rpc
