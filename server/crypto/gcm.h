// AES-256-GCM (NIST SP 800-38D) with nonces of 96 bits: the primitive under everything here that seals.
//
// Thread-safe; each thread keeps one cipher context, wiped when the thread ends. Who calls it answers for the nonce: no
// two messages under one key may have the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace postern::crypto {

inline constexpr size_t kGcmKeySize = 32;
inline constexpr size_t kGcmNonceSize = 12;
inline constexpr size_t kGcmTagSize = 16;

// Writes the ciphertext and its tag to `out`, plaintext.size() + kGcmTagSize bytes. `aad` is authenticated, its parts
// end to end. INVALID_ARGUMENT for what is too long; INTERNAL if OpenSSL fails.
absl::Status GcmSeal(const uint8_t* key, absl::string_view nonce, std::initializer_list<absl::string_view> aad,
                     absl::string_view plaintext, uint8_t* out);

// The plaintext; DATA_LOSS if key, nonce, `aad` or a byte is another.
absl::StatusOr<std::string> GcmOpen(const uint8_t* key, absl::string_view nonce,
                                    std::initializer_list<absl::string_view> aad, absl::string_view ciphertext_and_tag);

}  // namespace postern::crypto
