// HMAC-SHA256 (RFC 2104) under a key that has been hashed already: plain memory, for keys that sign a few times and go.
// For one that is shared and stays, see HmacKey in hmac.h.
#pragma once

#include <initializer_list>

#include "absl/strings/string_view.h"
#include "server/crypto/sha256.h"
#include "server/crypto/sha256_state.h"

namespace postern::crypto {

// Thread-safe while const. Wiped on destruction.
class HmacState {
 public:
  // Any key length; keys over 64 bytes are hashed first, as the RFC says.
  explicit HmacState(absl::string_view key);

  // HMAC of the concatenation of `parts`.
  Sha256Digest Sign(std::initializer_list<absl::string_view> parts) const;

 private:
  Sha256State inner_;  // has taken the key's block under the inner pad
  Sha256State outer_;
};

}  // namespace postern::crypto
