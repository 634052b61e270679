// HKDF with SHA-256 (RFC 5869, SP 800-56C). Thread-safe.
#pragma once

#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/crypto/hmac_state.h"
#include "server/crypto/secret.h"

namespace postern::crypto {

// The pseudorandom key HMAC(salt, concatenation of `input_key_material`), 32 bytes.
SecretBytes HkdfExtract(const HmacState& salt, absl::Span<const SecretBytes* const> input_key_material);
inline SecretBytes HkdfExtract(absl::string_view salt, absl::Span<const SecretBytes* const> input_key_material) {
  return HkdfExtract(HmacState(salt), input_key_material);
}

// A pseudorandom key to expand. It is hashed once, however many blocks and keys are made of it.
class HkdfKey {
 public:
  explicit HkdfKey(const SecretBytes& pseudorandom_key) : mac_(pseudorandom_key.Reveal(SecretAccess::Granted())) {}

  // `size` bytes of key for `info`. INVALID_ARGUMENT over 255 * 32 bytes.
  absl::StatusOr<SecretBytes> Expand(absl::string_view info, size_t size) const;

 private:
  const HmacState mac_;
};

// The same for one key.
inline absl::StatusOr<SecretBytes> HkdfExpand(const SecretBytes& pseudorandom_key, absl::string_view info,
                                              size_t size) {
  return HkdfKey(pseudorandom_key).Expand(info, size);
}

}  // namespace postern::crypto
