#include "client/verify/errors.h"

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"

namespace postern::client::verify::errors {

absl::Status Malformed(absl::string_view what) {
  return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, what);
}

absl::Status NotVerified(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("does not verify: ", what));
}

absl::Status CryptoFailed(absl::string_view operation) {
  return absl::InternalError(absl::StrCat("cryptographic operation failed: ", operation));
}

}  // namespace postern::client::verify::errors
