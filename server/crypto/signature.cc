#include "server/crypto/signature.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <utility>

#include "absl/strings/escaping.h"
#include "proto/errors/error.h"
#include "server/crypto/errors.h"
#include "server/crypto/key_file.h"
#include "server/crypto/openssl_scope.h"
#include "server/crypto/sha256.h"

namespace postern::crypto {
namespace {

constexpr size_t kEd25519KeySize = 32;
constexpr char kP256[] = "prime256v1";

const uint8_t* Data(absl::string_view bytes) {
  return reinterpret_cast<const uint8_t*>(bytes.data());
}

std::shared_ptr<EVP_PKEY> Own(EVP_PKEY* key) {
  return std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free);
}

absl::StatusOr<SignatureAlgorithm> AlgorithmOf(const EVP_PKEY* key) {
  if (EVP_PKEY_is_a(key, "ED25519")) return SignatureAlgorithm::kEd25519;
  char group[32] = {};
  size_t size = 0;
  if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof(group), &size) == 1 &&
      absl::string_view(group, size) == kP256) {
    return SignatureAlgorithm::kEcdsaP256Sha256;
  }
  return errors::Malformed("a signing key must be Ed25519 or ECDSA P-256");
}

// Ed25519 hashes the message itself.
const char* DigestName(SignatureAlgorithm algorithm) {
  return algorithm == SignatureAlgorithm::kEd25519 ? nullptr : "SHA256";
}

// Refuses a passphrase-protected key instead of asking for the passphrase on the terminal.
int NoPassphrase(char*, int, int, void*) {
  return -1;
}

}  // namespace

PublicKey::PublicKey(std::shared_ptr<EVP_PKEY> key, SignatureAlgorithm algorithm, std::string der)
    : key_(std::move(key)),
      algorithm_(algorithm),
      der_(std::move(der)),
      key_id_(absl::BytesToHexString(AsBytes(Sha256(der_)))) {}

absl::StatusOr<PublicKey> PublicKey::FromKey(std::shared_ptr<EVP_PKEY> key) {
  POSTERN_ASSIGN_OR_RETURN(const SignatureAlgorithm algorithm, AlgorithmOf(key.get()));
  const int size = i2d_PUBKEY(key.get(), nullptr);
  if (size <= 0) return errors::CryptoFailed("encoding a public key");
  std::string der(static_cast<size_t>(size), '\0');
  auto* out = reinterpret_cast<unsigned char*>(der.data());
  if (i2d_PUBKEY(key.get(), &out) != size) return errors::CryptoFailed("encoding a public key");
  return PublicKey(std::move(key), algorithm, std::move(der));
}

absl::StatusOr<PublicKey> PublicKey::FromPem(absl::string_view pem) {
  const ErrorQueueGuard guard;
  const OpensslPtr<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (bio == nullptr) return errors::CryptoFailed("reading PEM");
  std::shared_ptr<EVP_PKEY> key = Own(PEM_read_bio_PUBKEY(bio.get(), nullptr, NoPassphrase, nullptr));
  if (key == nullptr) return errors::Malformed("not a PEM public key");
  return FromKey(std::move(key));
}

absl::StatusOr<PublicKey> PublicKey::FromDer(absl::string_view subject_public_key_info) {
  const ErrorQueueGuard guard;
  const unsigned char* in = Data(subject_public_key_info);
  std::shared_ptr<EVP_PKEY> key = Own(d2i_PUBKEY(nullptr, &in, static_cast<long>(subject_public_key_info.size())));
  if (key == nullptr || in != Data(subject_public_key_info) + subject_public_key_info.size()) {
    return errors::Malformed("not a DER public key");
  }
  return FromKey(std::move(key));
}

std::string PublicKey::ToPem() const {
  const std::string base64 = absl::Base64Escape(der_);
  std::string pem = "-----BEGIN PUBLIC KEY-----\n";
  for (size_t offset = 0; offset < base64.size(); offset += 64) pem += base64.substr(offset, 64) + "\n";
  return pem + "-----END PUBLIC KEY-----\n";
}

absl::StatusOr<std::string> PublicKey::RawEd25519() const {
  if (algorithm_ != SignatureAlgorithm::kEd25519) return errors::Malformed("not an Ed25519 key");
  std::string raw(kEd25519KeySize, '\0');
  size_t size = raw.size();
  if (EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(raw.data()), &size) != 1 ||
      size != raw.size()) {
    return errors::CryptoFailed("reading an Ed25519 key");
  }
  return raw;
}

absl::Status PublicKey::Verify(absl::string_view message, absl::string_view signature) const {
  const ErrorQueueGuard guard;
  const OpensslPtr<EVP_MD_CTX> context(EVP_MD_CTX_new());
  if (context == nullptr || EVP_DigestVerifyInit_ex(context.get(), nullptr, DigestName(algorithm_), nullptr, nullptr,
                                                    key_.get(), nullptr) != 1) {
    return errors::CryptoFailed("signature check init");
  }
  if (EVP_DigestVerify(context.get(), Data(signature), signature.size(), Data(message), message.size()) != 1) {
    return errors::SignatureRejected();
  }
  return absl::OkStatus();
}

absl::StatusOr<PrivateKey> PrivateKey::FromKey(std::shared_ptr<EVP_PKEY> key) {
  POSTERN_ASSIGN_OR_RETURN(PublicKey public_key, PublicKey::FromKey(key));
  return PrivateKey(std::move(key), std::move(public_key));
}

absl::StatusOr<PrivateKey> PrivateKey::Generate(SignatureAlgorithm algorithm) {
  const ErrorQueueGuard guard;
  EVP_PKEY* key = algorithm == SignatureAlgorithm::kEd25519 ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
                                                            : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", kP256);
  if (key == nullptr) return errors::CryptoFailed("key generation");
  return FromKey(Own(key));
}

absl::StatusOr<PrivateKey> PrivateKey::FromPem(const SecretBytes& pem) {
  const ErrorQueueGuard guard;
  const absl::string_view text = pem.Reveal(SecretAccess::Granted());
  const OpensslPtr<BIO> bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (bio == nullptr) return errors::CryptoFailed("reading PEM");
  std::shared_ptr<EVP_PKEY> key = Own(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr));
  if (key == nullptr) return errors::Malformed("not an unencrypted PEM private key");
  return FromKey(std::move(key));
}

absl::StatusOr<PrivateKey> PrivateKey::FromEd25519Seed(const SecretBytes& seed) {
  if (seed.size() != kEd25519KeySize) return errors::Malformed("an Ed25519 seed has 32 bytes");
  const ErrorQueueGuard guard;
  const absl::string_view bytes = seed.Reveal(SecretAccess::Granted());
  EVP_PKEY* key = EVP_PKEY_new_raw_private_key_ex(nullptr, "ED25519", nullptr,
                                                  reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  if (key == nullptr) return errors::CryptoFailed("making an Ed25519 key");
  return FromKey(std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free));
}

absl::StatusOr<PrivateKey> PrivateKey::LoadFile(const std::string& path) {
  POSTERN_ASSIGN_OR_RETURN(const SecretBytes pem, ReadPrivateFile(path));
  return FromPem(pem);
}

absl::Status PrivateKey::SaveFile(const std::string& path) const {
  POSTERN_ASSIGN_OR_RETURN(const SecretBytes pem, ToPem());
  return CreatePrivateFile(path, pem);
}

absl::StatusOr<SecretBytes> PrivateKey::ToPem() const {
  const ErrorQueueGuard guard;
  const OpensslPtr<BIO> bio(BIO_new(BIO_s_mem()));  // wipes its buffer when freed
  if (bio == nullptr ||
      PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return errors::CryptoFailed("encoding a private key");
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return SecretBytes::CopyOf(absl::string_view(data, static_cast<size_t>(size)));
}

absl::StatusOr<std::string> PrivateKey::Sign(absl::string_view message) const {
  const ErrorQueueGuard guard;
  const OpensslPtr<EVP_MD_CTX> context(EVP_MD_CTX_new());
  if (context == nullptr || EVP_DigestSignInit_ex(context.get(), nullptr, DigestName(algorithm()), nullptr, nullptr,
                                                  key_.get(), nullptr) != 1) {
    return errors::CryptoFailed("signing init");
  }
  size_t size = 0;
  if (EVP_DigestSign(context.get(), nullptr, &size, Data(message), message.size()) != 1)
    return errors::CryptoFailed("signing");
  std::string signature(size, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, Data(message),
                     message.size()) != 1) {
    return errors::CryptoFailed("signing");
  }
  signature.resize(size);  // ECDSA signatures vary in length
  return signature;
}

}  // namespace postern::crypto
