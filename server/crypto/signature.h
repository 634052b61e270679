// Signing keys: Ed25519 (RFC 8032) and ECDSA over P-256 with SHA-256 (FIPS 186-5). Separate from every TLS key.
//
// Private keys are PKCS#8 PEM files that only their owner may read; public keys are SubjectPublicKeyInfo. Thread-safe.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/crypto/secret.h"

typedef struct evp_pkey_st EVP_PKEY;  // as <openssl/types.h> declares it

namespace postern::crypto {

enum class SignatureAlgorithm { kEd25519, kEcdsaP256Sha256 };

class PublicKey {
 public:
  // A PEM "PUBLIC KEY" block, or its DER. INVALID_ARGUMENT for anything else, other algorithms included.
  static absl::StatusOr<PublicKey> FromPem(absl::string_view pem);
  static absl::StatusOr<PublicKey> FromDer(absl::string_view subject_public_key_info);

  SignatureAlgorithm algorithm() const { return algorithm_; }
  const std::string& der() const { return der_; }
  std::string ToPem() const;
  // Lower-case hex of SHA-256 over the DER: the key id of DSSE signatures.
  const std::string& key_id() const { return key_id_; }
  // The 32-byte Ed25519 key; INVALID_ARGUMENT for P-256.
  absl::StatusOr<std::string> RawEd25519() const;

  // OK if `signature` (64 bytes for Ed25519, DER for ECDSA) is this key's over `message`, PERMISSION_DENIED otherwise.
  absl::Status Verify(absl::string_view message, absl::string_view signature) const;

 private:
  friend class PrivateKey;
  PublicKey(std::shared_ptr<EVP_PKEY> key, SignatureAlgorithm algorithm, std::string der);
  static absl::StatusOr<PublicKey> FromKey(std::shared_ptr<EVP_PKEY> key);

  std::shared_ptr<EVP_PKEY> key_;
  SignatureAlgorithm algorithm_;
  std::string der_;
  std::string key_id_;
};

class PrivateKey {
 public:
  static absl::StatusOr<PrivateKey> Generate(SignatureAlgorithm algorithm);
  // A PEM "PRIVATE KEY" block without a passphrase. INVALID_ARGUMENT for anything else.
  static absl::StatusOr<PrivateKey> FromPem(const SecretBytes& pem);
  // The Ed25519 key of a 32-byte seed (RFC 8032, section 5.1.5). INVALID_ARGUMENT for another length.
  static absl::StatusOr<PrivateKey> FromEd25519Seed(const SecretBytes& seed);
  // Reads a file that its owner alone may read; FAILED_PRECONDITION if others may, NOT_FOUND if there is none.
  static absl::StatusOr<PrivateKey> LoadFile(const std::string& path);

  // Creates `path` with mode 0600, durably; ALREADY_EXISTS rather than overwrite.
  absl::Status SaveFile(const std::string& path) const;
  absl::StatusOr<SecretBytes> ToPem() const;

  SignatureAlgorithm algorithm() const { return public_key_.algorithm(); }
  const PublicKey& public_key() const { return public_key_; }

  absl::StatusOr<std::string> Sign(absl::string_view message) const;

 private:
  PrivateKey(std::shared_ptr<EVP_PKEY> key, PublicKey public_key)
      : key_(std::move(key)), public_key_(std::move(public_key)) {}
  static absl::StatusOr<PrivateKey> FromKey(std::shared_ptr<EVP_PKEY> key);

  std::shared_ptr<EVP_PKEY> key_;
  PublicKey public_key_;
};

}  // namespace postern::crypto
