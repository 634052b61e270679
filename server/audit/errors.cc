#include "server/audit/errors.h"

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"

namespace postern::audit::errors {

absl::Status CheckpointMalformed(absl::string_view what) {
  return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, absl::StrCat("not a checkpoint: ", what));
}

absl::Status OutsideTree(absl::string_view what) {
  return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, what);
}

absl::Status SaltMalformed() {
  return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, "a commitment's salt has 32 bytes");
}

absl::Status LeafMalformed() {
  return absl::DataLossError("stored bytes are not an audit leaf");
}

}  // namespace postern::audit::errors
