#include "client/transport/status.h"

#include "proto/errors/error.h"
#include "proto/errors/rpc_status.h"

namespace postern::client {

google::rpc::Status DetailsOf(const grpc::Status& status) {
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) details.Clear();
  return details;
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  google::rpc::Status details = DetailsOf(status);
  // The transport's code and message win: a proxy may have changed them, and they are what the caller saw.
  details.set_code(status.error_code());
  details.set_message(status.error_message());
  return FromRpcStatus(details);
}

bool IsRetryable(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      return true;
    case absl::StatusCode::kResourceExhausted:
      return ReasonOf(status) ==
             v1::ERROR_REASON_OVERLOADED;  // without a reason: a message above the transport's limit
    case absl::StatusCode::kDeadlineExceeded:
      return true;  // the request id makes the retry safe
    case absl::StatusCode::kAborted:
      return ReasonOf(status) == v1::ERROR_REASON_FENCED;
    default:
      return false;
  }
}

bool IsTemporary(const absl::Status& status) {
  switch (ReasonOf(status)) {
    case v1::ERROR_REASON_OVERLOADED:
    case v1::ERROR_REASON_DRAINING:
    case v1::ERROR_REASON_LEDGER_UNAVAILABLE:
      return true;
    default:
      return false;
  }
}

bool IsPermanent(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnimplemented:
      return true;
    case absl::StatusCode::kResourceExhausted:
      return !IsRetryable(status);
    default:
      return false;
  }
}

}  // namespace postern::client
