// Where absl::Status becomes grpc::Status, and nowhere else.
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace postern::rpc {

// Code and message, and in the details a google.rpc.Status with ErrorInfo and whatever protobuf messages the status
// carries as payloads under "type.googleapis.com/". A status without a reason is a fault of ours: its message is not
// told to the caller.
grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace postern::rpc
