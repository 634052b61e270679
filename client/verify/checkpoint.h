// C2SP checkpoints (https://c2sp.org/tlog-checkpoint): origin, size and root of a log, signed.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/verify/merkle.h"
#include "client/verify/signed_note.h"

namespace postern::client::verify {

struct Checkpoint {
  std::string origin;
  uint64_t size = 0;
  Hash root{};
};

// INVALID_ARGUMENT if `text` is not a checkpoint. Extension lines are allowed and ignored.
absl::StatusOr<Checkpoint> ParseCheckpoint(absl::string_view text);

// The checkpoint in `note`, signed by `verifier`, whose name is the origin. DATA_LOSS if the signature or the origin
// does not fit.
absl::StatusOr<Checkpoint> OpenCheckpoint(absl::string_view note, const NoteVerifier& verifier);

}  // namespace postern::client::verify
