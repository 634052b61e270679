#include "client/verify/public_key.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <utility>

#include "absl/strings/escaping.h"
#include "client/verify/errors.h"
#include "client/verify/merkle.h"

namespace postern::client::verify {
namespace {

const unsigned char* Bytes(absl::string_view s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}

bool IsP256(const EVP_PKEY* key) {
  char curve[40];
  size_t length = 0;
  return EVP_PKEY_is_a(key, "EC") == 1 && EVP_PKEY_get_group_name(key, curve, sizeof(curve), &length) == 1 &&
         std::string(curve, length) == "prime256v1";
}

int RefusePassphrase(char*, int, int, void*) {
  return -1;
}

}  // namespace

PublicKey::PublicKey(std::shared_ptr<EVP_PKEY> key) : key_(std::move(key)) {}

absl::StatusOr<PublicKey> PublicKey::FromKey(std::shared_ptr<EVP_PKEY> key) {
  PublicKey result(std::move(key));
  result.is_ed25519_ = EVP_PKEY_is_a(result.key_.get(), "ED25519") == 1;
  if (!result.is_ed25519_ && !IsP256(result.key_.get()))
    return errors::Malformed("a public key must be Ed25519 or P-256");
  unsigned char* der = nullptr;
  const int length = i2d_PUBKEY(result.key_.get(), &der);
  if (length <= 0) return errors::CryptoFailed("encoding a public key");
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned digest_length = 0;
  const bool hashed = EVP_Digest(der, static_cast<size_t>(length), digest, &digest_length, EVP_sha256(), nullptr) == 1;
  OPENSSL_free(der);
  if (!hashed) return errors::CryptoFailed("SHA-256");
  result.key_id_ = absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), digest_length));
  return result;
}

absl::StatusOr<PublicKey> PublicKey::FromPem(absl::string_view pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  if (bio == nullptr) return errors::CryptoFailed("reading PEM");
  std::shared_ptr<EVP_PKEY> key(PEM_read_bio_PUBKEY(bio, nullptr, RefusePassphrase, nullptr), EVP_PKEY_free);
  BIO_free(bio);
  ERR_clear_error();
  if (key == nullptr) return errors::Malformed("not a PEM public key");
  return FromKey(std::move(key));
}

absl::StatusOr<PublicKey> PublicKey::FromRawEd25519(absl::string_view raw) {
  std::shared_ptr<EVP_PKEY> key(EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr, Bytes(raw), raw.size()),
                                EVP_PKEY_free);
  ERR_clear_error();
  if (key == nullptr) return errors::Malformed("not an Ed25519 public key");
  return FromKey(std::move(key));
}

absl::Status PublicKey::Verify(absl::string_view message, absl::string_view signature) const {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  // Ed25519 takes the whole message and no digest.
  const char* digest = is_ed25519_ ? nullptr : "SHA256";
  const bool ready = context != nullptr &&
                     EVP_DigestVerifyInit_ex(context, nullptr, digest, nullptr, nullptr, key_.get(), nullptr) == 1;
  const bool valid =
      ready && EVP_DigestVerify(context, Bytes(signature), signature.size(), Bytes(message), message.size()) == 1;
  EVP_MD_CTX_free(context);
  ERR_clear_error();
  if (!ready) return errors::CryptoFailed("signature check");
  if (!valid) return errors::NotVerified("the signature");
  return absl::OkStatus();
}

}  // namespace postern::client::verify
