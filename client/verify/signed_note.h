// C2SP signed notes (https://c2sp.org/signed-note) with Ed25519 keys.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/verify/public_key.h"

namespace postern::client::verify {

// A verifier key "<name>+<hex key id>+<base64(0x01 ‖ public key)>", checked against its own key id. Thread-safe.
class NoteVerifier {
 public:
  // INVALID_ARGUMENT if it is malformed, of another algorithm, or its key id does not fit.
  static absl::StatusOr<NoteVerifier> Parse(absl::string_view verifier_key);

  const std::string& name() const { return name_; }

  // The signed text, with its trailing newline. INVALID_ARGUMENT if `note` is malformed, DATA_LOSS unless this key
  // signed it.
  absl::StatusOr<std::string> Open(absl::string_view note) const;

 private:
  NoteVerifier(std::string name, std::string key_id, PublicKey key);

  std::string name_;
  std::string key_id_;  // 4 bytes
  PublicKey key_;
};

}  // namespace postern::client::verify
