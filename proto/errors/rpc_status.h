// An absl::Status as google.rpc.Status with ErrorInfo, and back. The one place where the two meet; both sides of the wire use it.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/rpc/status.pb.h"

namespace postern {

// ErrorInfo.domain of every error of the gateway.
inline constexpr absl::string_view kErrorDomain = "postern.v1";

// Code, message and, if the status has a reason, one ErrorInfo detail. An OK status gives an empty message.
google::rpc::Status ToRpcStatus(const absl::Status& status);

// The reverse. Details of other kinds are dropped; an unknown reason becomes ERROR_REASON_UNSPECIFIED.
absl::Status FromRpcStatus(const google::rpc::Status& status);

}  // namespace postern
