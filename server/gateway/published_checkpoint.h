// Checkpoints that this gateway has signed.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/audit/checkpoint.h"
#include "server/crypto/signed_note.h"

namespace postern::gateway {

// The checkpoint inside `note` if it is of the signer's log and the signer, or a key that it replaced, has signed it.
// INVALID_ARGUMENT otherwise.
absl::StatusOr<audit::Checkpoint> OpenOwnCheckpoint(absl::string_view note, const crypto::NoteSigner& signer,
                                                    absl::Span<const std::string> former_verifier_keys);

}  // namespace postern::gateway
