#include "proto/errors/rpc_status.h"

#include <string>
#include <utility>
#include <vector>

#include "google/rpc/error_details.pb.h"
#include "proto/errors/error.h"

namespace postern {

google::rpc::Status ToRpcStatus(const absl::Status& status) {
  google::rpc::Status out;
  if (status.ok()) return out;
  out.set_code(static_cast<int>(status.code()));
  out.set_message(std::string(status.message()));
  const v1::ErrorReason reason = ReasonOf(status);
  if (reason == v1::ERROR_REASON_UNSPECIFIED) return out;
  google::rpc::ErrorInfo info;
  info.set_reason(v1::ErrorReason_Name(reason));
  info.set_domain(std::string(kErrorDomain));
  for (auto& [key, value] : AllMetadataOf(status)) (*info.mutable_metadata())[key] = std::move(value);
  out.add_details()->PackFrom(info);
  return out;
}

absl::Status FromRpcStatus(const google::rpc::Status& status) {
  if (status.code() == 0) return absl::OkStatus();
  for (const auto& detail : status.details()) {
    google::rpc::ErrorInfo info;
    if (!detail.UnpackTo(&info) || info.domain() != kErrorDomain) continue;
    v1::ErrorReason reason = v1::ERROR_REASON_UNSPECIFIED;
    v1::ErrorReason_Parse(info.reason(), &reason);
    std::vector<std::pair<std::string, std::string>> metadata(info.metadata().begin(), info.metadata().end());
    return MakeErrorWithCode(static_cast<absl::StatusCode>(status.code()), reason, status.message(), metadata);
  }
  return absl::Status(static_cast<absl::StatusCode>(status.code()), status.message());
}

}  // namespace postern
