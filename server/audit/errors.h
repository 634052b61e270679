// Errors of server/audit.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace postern::audit::errors {

// INVALID_ARGUMENT.
absl::Status CheckpointMalformed(absl::string_view what);
// INVALID_ARGUMENT: the asked-for position is outside the tree.
absl::Status OutsideTree(absl::string_view what);
// INVALID_ARGUMENT.
absl::Status SaltMalformed();
// DATA_LOSS: stored bytes are not a leaf.
absl::Status LeafMalformed();

}  // namespace postern::audit::errors
