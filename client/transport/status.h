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

// True if the same request may be sent again with the same request id: nothing was decided, the outcome can be asked
// for by the id, or the gateway says that it is overloaded or draining. Not for Exchange, which a partner acts on.
bool IsRetryable(const absl::Status& status);

// True if nothing was done and the same call may succeed later: OVERLOADED, DRAINING, LEDGER_UNAVAILABLE.
bool IsTemporary(const absl::Status& status);

// True if no later attempt over the same channel can succeed: the certificate, the role or the request is refused.
bool IsPermanent(const absl::Status& status);

}  // namespace postern::client
