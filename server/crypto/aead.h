// Authenticated encryption, and the bytes it leaves at rest (ENVELOPE.md).
//
// Two layouts, told apart by the first byte:
//   XAES-256-GCM (C2SP) for keys that seal many messages: random 192-bit nonces are safe for 2^80 of them;
//   AES-256-GCM (SP 800-38D) for keys that are derived for one message, with a commitment to the key in place of its
//   id, because GCM alone would accept one ciphertext under two keys.
// All functions are thread-safe; each thread keeps one cipher context, wiped when the thread ends.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/crypto/secret.h"

namespace postern::crypto {

inline constexpr size_t kAeadKeySize = 32;
inline constexpr size_t kAeadTagSize = 16;
// Names the key inside an envelope: a key store id, or the commitment of a single-use key.
using EnvelopeKeyName = std::array<uint8_t, 16>;

// Version byte, key name, nonce, tag.
inline constexpr size_t kEnvelopeOverhead = 1 + 16 + 24 + kAeadTagSize;
inline constexpr size_t kSingleUseEnvelopeOverhead = 1 + 16 + 12 + kAeadTagSize;

// Seals `plaintext` under the 32-byte `key` named `key_name`. The header and `context` are authenticated, `context` is
// not stored. INVALID_ARGUMENT for another key size; INTERNAL if OpenSSL fails.
absl::StatusOr<std::string> Seal(const SecretBytes& key, const EnvelopeKeyName& key_name, absl::string_view context,
                                 absl::string_view plaintext);

// The plaintext of an envelope made by Seal with the same key, key name and context; DATA_LOSS otherwise, without
// saying which differs.
absl::StatusOr<std::string> Open(const SecretBytes& key, const EnvelopeKeyName& key_name, absl::string_view context,
                                 absl::string_view envelope);

// The key name in the header of an envelope made by Seal; DATA_LOSS if it is not one.
absl::StatusOr<EnvelopeKeyName> KeyNameOf(absl::string_view envelope);

// A key for exactly one message, with the commitment that was derived beside it.
struct SingleUseKey {
  SecretBytes key;
  EnvelopeKeyName commitment;
};

// As Seal and Open, for a key that seals one message only.
absl::StatusOr<std::string> SealOnce(const SingleUseKey& key, absl::string_view context, absl::string_view plaintext);
absl::StatusOr<std::string> OpenOnce(const SingleUseKey& key, absl::string_view context, absl::string_view envelope);

// XAES-256-GCM without a header: 24-byte nonce in; ciphertext followed by the tag out. The building block of Seal, here
// for its test vectors.
absl::StatusOr<std::string> XaesSeal(const SecretBytes& key, absl::string_view nonce, absl::string_view aad,
                                     absl::string_view plaintext);
absl::StatusOr<std::string> XaesOpen(const SecretBytes& key, absl::string_view nonce, absl::string_view aad,
                                     absl::string_view ciphertext_and_tag);

}  // namespace postern::crypto
