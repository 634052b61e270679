// C2SP signed notes (https://c2sp.org/signed-note): text, an empty line, and signature lines of the form
//   — <name> base64(key id ‖ signature)
// with Ed25519 keys, key id = SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key)[:4].
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/crypto/signature.h"

namespace postern::crypto {

// Signs notes under one name. Thread-safe.
class NoteSigner {
 public:
  // INVALID_ARGUMENT unless the key is Ed25519 and the name non-empty, without spaces, plus signs or control
  // characters.
  static absl::StatusOr<NoteSigner> Create(std::string name, PrivateKey key);

  const std::string& name() const { return name_; }
  // "<name>+<hex key id>+<base64(0x01 ‖ public key)>": what a verifier is given.
  std::string VerifierKey() const;

  // `text` must end in a newline and hold no other control characters: INVALID_ARGUMENT otherwise.
  absl::StatusOr<std::string> Sign(absl::string_view text) const;

 private:
  NoteSigner(std::string name, PrivateKey key, std::string raw_public_key);

  std::string name_;
  PrivateKey key_;
  std::string raw_public_key_;
  std::array<uint8_t, 4> key_id_;
};

// The text of `note`, trailing newline included, if it carries a valid signature by `verifier_key` (the form above);
// PERMISSION_DENIED if not, INVALID_ARGUMENT if either is malformed. Signatures by other keys are ignored.
absl::StatusOr<std::string> OpenNote(absl::string_view note, absl::string_view verifier_key);

}  // namespace postern::crypto
