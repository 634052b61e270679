// JSON Web Encryption to somebody else's key (RFC 7516): compact form, "alg" ECDH-ES in direct key agreement over
// P-256, "enc" A256GCM (RFC 7518, sections 4.6 and 5.3). Every message has a fresh ephemeral key, so its content key
// seals it alone and the nonce is never used twice.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/crypto/secret.h"

typedef struct evp_pkey_st EVP_PKEY;  // as <openssl/types.h> declares it

namespace postern::crypto {

// Thread-safe.
class JweRecipient {
 public:
  // A PEM "PUBLIC KEY" block with a point of P-256; INVALID_ARGUMENT for anything else. `key_id` becomes "kid".
  static absl::StatusOr<JweRecipient> FromPem(absl::string_view key_id, absl::string_view pem);

  // The compact form of `plaintext`, whose media type is `content_type`, without "application/". INTERNAL if OpenSSL
  // fails.
  absl::StatusOr<std::string> Encrypt(absl::string_view content_type, absl::string_view plaintext) const;

 private:
  JweRecipient(absl::string_view key_id, std::shared_ptr<EVP_PKEY> key) : key_id_(key_id), key_(std::move(key)) {}

  std::string key_id_;
  std::shared_ptr<EVP_PKEY> key_;
};

// The x coordinate of the point that two P-256 keys agree on: 32 bytes. `own` has its private half. INTERNAL if OpenSSL
// fails.
absl::StatusOr<SecretBytes> AgreeP256(EVP_PKEY* own, EVP_PKEY* other);

// The Concat KDF of RFC 7518, section 4.6.2, with SHA-256: `bits` of key, a multiple of 8 and at most 256, for
// `algorithm` out of the secret that was agreed on. `producer` and `consumer` are the decoded "apu" and "apv".
SecretBytes ConcatKdf(const SecretBytes& agreed, absl::string_view algorithm, absl::string_view producer,
                      absl::string_view consumer, size_t bits);

}  // namespace postern::crypto
