// C2SP checkpoints (https://c2sp.org/tlog-checkpoint): the tree head as a signed note. The note's text is
//   <origin> LF <size, decimal> LF <base64 of the root> LF
// and the signer's name is the origin.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/crypto/sha256.h"
#include "server/crypto/signed_note.h"

namespace postern::audit {

struct Checkpoint {
  std::string origin;  // one gateway incarnation, e.g. "shop.example/postern/0197…"
  uint64_t size = 0;   // leaves
  crypto::Sha256Digest root{};
};

// The text that is signed. INVALID_ARGUMENT if the origin is empty or holds a newline.
absl::StatusOr<std::string> EncodeCheckpoint(const Checkpoint& checkpoint);

// Refuses what EncodeCheckpoint would not have written, extension lines included. INVALID_ARGUMENT.
absl::StatusOr<Checkpoint> ParseCheckpoint(absl::string_view text);

// The signed note. INVALID_ARGUMENT if the signer's name is not the origin.
absl::StatusOr<std::string> SignCheckpoint(const Checkpoint& checkpoint, const crypto::NoteSigner& signer);

// The checkpoint inside `note` if `verifier_key` signed it; for the copy that is held outside the store.
absl::StatusOr<Checkpoint> OpenCheckpoint(absl::string_view note, absl::string_view verifier_key);

}  // namespace postern::audit
