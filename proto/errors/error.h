// Errors of the whole project: an absl::Status that carries one ErrorReason and a few public key-value pairs.
//
// Messages and metadata never hold personal data, secrets or record content: name paths, types, limits and resource names only.
// The RPC layer turns a status made here into google.rpc.Status with ErrorInfo; clients turn it back.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "proto/postern/v1/errors.pb.h"

namespace postern {

using ErrorMetadata = std::initializer_list<std::pair<absl::string_view, absl::string_view>>;

// A status with the canonical code that errors.proto documents for `reason`.
absl::Status MakeError(v1::ErrorReason reason, absl::string_view message, ErrorMetadata metadata = {});

// The same with the canonical code given, for statuses that came over the wire.
absl::Status MakeErrorWithCode(absl::StatusCode code, v1::ErrorReason reason, absl::string_view message,
                               const std::vector<std::pair<std::string, std::string>>& metadata);

// The reason inside `status`; ERROR_REASON_UNSPECIFIED if it is OK or was not made by MakeError.
v1::ErrorReason ReasonOf(const absl::Status& status);

// The value of one metadata key, empty if absent.
std::string MetadataOf(const absl::Status& status, absl::string_view key);

// Every metadata pair, in no particular order.
std::vector<std::pair<std::string, std::string>> AllMetadataOf(const absl::Status& status);

// The canonical code documented for `reason`.
absl::StatusCode CodeOf(v1::ErrorReason reason);

}  // namespace postern

// Returns the status of `expr` from the enclosing function unless it is OK.
#define POSTERN_RETURN_IF_ERROR(expr)                  \
  do {                                                 \
    if (::absl::Status postern_status_ = (expr); !postern_status_.ok()) return postern_status_; \
  } while (false)

#define POSTERN_CONCAT_INNER(a, b) a##b
#define POSTERN_CONCAT(a, b) POSTERN_CONCAT_INNER(a, b)

// Assigns the value of a StatusOr to `lhs`, or returns its status.
#define POSTERN_ASSIGN_OR_RETURN(lhs, expr) POSTERN_ASSIGN_OR_RETURN_IMPL(POSTERN_CONCAT(postern_or_, __LINE__), lhs, expr)
#define POSTERN_ASSIGN_OR_RETURN_IMPL(tmp, lhs, expr) \
  auto tmp = (expr);                                  \
  if (!tmp.ok()) return std::move(tmp).status();      \
  lhs = std::move(tmp).value()
