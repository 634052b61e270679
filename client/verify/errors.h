// Errors of client/verify.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace postern::client::verify::errors {

// INVALID_ARGUMENT: the input is not of the documented form, so nothing was checked.
absl::Status Malformed(absl::string_view what);
// DATA_LOSS: the input is well-formed and does not verify.
absl::Status NotVerified(absl::string_view what);
// INTERNAL: OpenSSL failed where valid input cannot fail.
absl::Status CryptoFailed(absl::string_view operation);

}  // namespace postern::client::verify::errors
