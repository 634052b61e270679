// HMAC-SHA256 (RFC 2104, FIPS 198-1) under a key whose inner and outer states are computed once.
#pragma once

#include <initializer_list>
#include <memory>

#include "absl/strings/string_view.h"
#include "server/crypto/secret.h"
#include "server/crypto/sha256.h"

namespace postern::crypto {

// An HMAC key ready for use. Copies share the state, which is wiped with the last one. Thread-safe.
class HmacKey {
 public:
  // Any key length; keys over 64 bytes are hashed first, as the RFC says.
  explicit HmacKey(const SecretBytes& key);

  // HMAC of the concatenation of `parts`. About 0.3 us for short input.
  Sha256Digest Sign(std::initializer_list<absl::string_view> parts) const;
  Sha256Digest Sign(absl::string_view bytes) const { return Sign({bytes}); }

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

// HMAC of the concatenation of `parts` under a key that is used once; cheaper than making an HmacKey for it.
Sha256Digest HmacOnce(absl::string_view key, std::initializer_list<absl::string_view> parts);

}  // namespace postern::crypto
