// Public keys that sign notices, attestations and checkpoints: Ed25519 and ECDSA P-256 with SHA-256.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

typedef struct evp_pkey_st EVP_PKEY;  // as <openssl/types.h> declares it

namespace postern::client::verify {

// Thread-safe.
class PublicKey {
 public:
  // A PEM "PUBLIC KEY" block. INVALID_ARGUMENT for anything else, other algorithms included.
  static absl::StatusOr<PublicKey> FromPem(absl::string_view pem);
  // The 32 bytes of RFC 8032.
  static absl::StatusOr<PublicKey> FromRawEd25519(absl::string_view raw);

  // Lower-case hex of SHA-256 over the DER SubjectPublicKeyInfo.
  const std::string& key_id() const { return key_id_; }

  // OK, or DATA_LOSS if `signature` is not this key's over `message`.
  absl::Status Verify(absl::string_view message, absl::string_view signature) const;

 private:
  explicit PublicKey(std::shared_ptr<EVP_PKEY> key);
  static absl::StatusOr<PublicKey> FromKey(std::shared_ptr<EVP_PKEY> key);

  std::shared_ptr<EVP_PKEY> key_;
  bool is_ed25519_ = false;
  std::string key_id_;
};

}  // namespace postern::client::verify
