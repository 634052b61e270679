// HKDF with SHA-256 (RFC 5869, SP 800-56C). Thread-safe.
#pragma once

#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/crypto/secret.h"

namespace postern::crypto {

// The pseudorandom key HMAC(salt, concatenation of `input_key_material`), 32 bytes.
SecretBytes HkdfExtract(absl::string_view salt, absl::Span<const SecretBytes* const> input_key_material);

// `size` bytes of key for `info`. INVALID_ARGUMENT over 255 * 32 bytes.
absl::StatusOr<SecretBytes> HkdfExpand(const SecretBytes& pseudorandom_key, absl::string_view info, size_t size);

}  // namespace postern::crypto
