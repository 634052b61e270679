// Random bytes from OpenSSL's DRBG (SP 800-90A). Thread-safe. Not for use after fork without exec: small requests are
// served from a buffer that each thread fills ahead, because one call of the generator costs more than sealing a
// record.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/crypto/secret.h"

namespace postern::crypto {

// Fills `out` with public random bytes (nonces, salts, ids). INTERNAL if the generator fails; `out` must not be used
// then.
absl::Status FillRandom(uint8_t* out, size_t size);

// `size` random bytes for use as a key, drawn from the generator that is kept for secrets.
absl::StatusOr<SecretBytes> RandomSecret(size_t size);

}  // namespace postern::crypto
