#include "server/gateway/published_checkpoint.h"

#include "proto/errors/error.h"

namespace postern::gateway {

absl::StatusOr<audit::Checkpoint> OpenOwnCheckpoint(absl::string_view note, const crypto::NoteSigner& signer,
                                                    absl::Span<const std::string> former_verifier_keys) {
  absl::StatusOr<audit::Checkpoint> opened = audit::OpenCheckpoint(note, signer.VerifierKey());
  for (const std::string& former : former_verifier_keys) {
    if (!opened.ok()) opened = audit::OpenCheckpoint(note, former);
  }
  if (opened.ok() && opened->origin != signer.name()) {
    return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, "the checkpoint is of another log");
  }
  return opened;
}

}  // namespace postern::gateway
