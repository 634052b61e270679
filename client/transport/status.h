// What a call returned, as an absl::Status with the gateway's reason inside (proto/errors/error.h).
#pragma once

#include <string>

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "google/rpc/status.pb.h"

namespace postern::client {

absl::Status FromGrpc(const grpc::Status& status);

// The google.rpc.Status that came with `status`; empty if none did.
google::rpc::Status DetailsOf(const grpc::Status& status);

// True if the same request may be sent again: nothing was decided, or the gateway says it is overloaded or draining.
bool IsRetryable(const absl::Status& status);

}  // namespace postern::client
