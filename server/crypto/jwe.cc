#include "server/crypto/jwe.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <utility>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/crypto/big_endian.h"
#include "server/crypto/errors.h"
#include "server/crypto/gcm.h"
#include "server/crypto/openssl_scope.h"
#include "server/crypto/random.h"
#include "server/crypto/sha256.h"

namespace postern::crypto {
namespace {

constexpr char kP256[] = "prime256v1";
constexpr size_t kCoordinate = 32;
constexpr absl::string_view kEncryption = "A256GCM";
constexpr size_t kKeyBits = 256;

bool IsP256(const EVP_PKEY* key) {
  char group[32] = {};
  size_t size = 0;
  return EVP_PKEY_is_a(key, "EC") == 1 && EVP_PKEY_get_group_name(key, group, sizeof(group), &size) == 1 &&
         absl::string_view(group, size) == kP256;
}

int NoPassphrase(char*, int, int, void*) {
  return -1;
}

// A JSON string literal of UTF-8 text.
std::string Quoted(absl::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppend(&quoted, "\\u", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad4));
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

// "epk": the ephemeral public key as a JSON Web Key.
absl::StatusOr<std::string> PublicJwk(const EVP_PKEY* key) {
  uint8_t point[1 + 2 * kCoordinate];
  size_t size = 0;
  constexpr uint8_t kUncompressed = 4;
  if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &size) != 1 ||
      size != sizeof(point) || point[0] != kUncompressed) {
    return errors::CryptoFailed("encoding an ephemeral key");
  }
  const absl::string_view bytes(reinterpret_cast<const char*>(point), size);
  return absl::StrCat(R"({"kty":"EC","crv":"P-256","x":")", absl::WebSafeBase64Escape(bytes.substr(1, kCoordinate)),
                      R"(","y":")", absl::WebSafeBase64Escape(bytes.substr(1 + kCoordinate)), "\"}");
}

struct Sealed {
  std::string nonce;
  std::string ciphertext_and_tag;
};

absl::StatusOr<Sealed> SealGcm(const SecretBytes& key, absl::string_view associated, absl::string_view plaintext) {
  Sealed sealed{std::string(kGcmNonceSize, '\0'), std::string(plaintext.size() + kGcmTagSize, '\0')};
  POSTERN_RETURN_IF_ERROR(FillRandom(reinterpret_cast<uint8_t*>(sealed.nonce.data()), sealed.nonce.size()));
  const auto* secret = reinterpret_cast<const uint8_t*>(key.Reveal(SecretAccess::Granted()).data());
  POSTERN_RETURN_IF_ERROR(GcmSeal(secret, sealed.nonce, {associated}, plaintext,
                                  reinterpret_cast<uint8_t*>(sealed.ciphertext_and_tag.data())));
  return sealed;
}

}  // namespace

absl::StatusOr<JweRecipient> JweRecipient::FromPem(absl::string_view key_id, absl::string_view pem) {
  const ErrorQueueGuard guard;
  const OpensslPtr<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (bio == nullptr) return errors::CryptoFailed("reading PEM");
  std::shared_ptr<EVP_PKEY> key(PEM_read_bio_PUBKEY(bio.get(), nullptr, NoPassphrase, nullptr), EVP_PKEY_free);
  if (key == nullptr) return errors::Malformed("not a PEM public key");
  if (!IsP256(key.get())) return errors::Malformed("an encryption key must be of P-256");
  const OpensslPtr<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new(key.get(), nullptr));
  if (context == nullptr || EVP_PKEY_public_check(context.get()) != 1) {
    return errors::Malformed("an encryption key must be a point of P-256");
  }
  return JweRecipient(key_id, std::move(key));
}

absl::StatusOr<std::string> JweRecipient::Encrypt(absl::string_view content_type, absl::string_view plaintext) const {
  const ErrorQueueGuard guard;
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> ephemeral(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", kP256),
                                                                      EVP_PKEY_free);
  if (ephemeral == nullptr) return errors::CryptoFailed("making an ephemeral key");
  POSTERN_ASSIGN_OR_RETURN(const SecretBytes agreed, AgreeP256(ephemeral.get(), key_.get()));
  POSTERN_ASSIGN_OR_RETURN(const std::string epk, PublicJwk(ephemeral.get()));
  const std::string header =
      absl::WebSafeBase64Escape(absl::StrCat(R"({"alg":"ECDH-ES","enc":")", kEncryption, R"(","kid":)", Quoted(key_id_),
                                             R"(,"cty":)", Quoted(content_type), R"(,"epk":)", epk, "}"));
  POSTERN_ASSIGN_OR_RETURN(const Sealed sealed,
                           SealGcm(ConcatKdf(agreed, kEncryption, "", "", kKeyBits), header, plaintext));
  // The second part, the encrypted key, is empty: the agreed key is the content key.
  const absl::string_view bytes = sealed.ciphertext_and_tag;
  return absl::StrCat(header, "..", absl::WebSafeBase64Escape(sealed.nonce), ".",
                      absl::WebSafeBase64Escape(bytes.substr(0, plaintext.size())), ".",
                      absl::WebSafeBase64Escape(bytes.substr(plaintext.size())));
}

absl::StatusOr<SecretBytes> AgreeP256(EVP_PKEY* own, EVP_PKEY* other) {
  const OpensslPtr<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new(own, nullptr));
  SecretBytes agreed = SecretBytes::OfSize(kCoordinate);
  size_t size = agreed.size();
  if (context == nullptr || EVP_PKEY_derive_init(context.get()) != 1 ||
      EVP_PKEY_derive_set_peer(context.get(), other) != 1 ||
      EVP_PKEY_derive(context.get(), agreed.MutableData(SecretAccess::Granted()), &size) != 1 || size != kCoordinate) {
    return errors::CryptoFailed("agreeing on a key");
  }
  return agreed;
}

SecretBytes ConcatKdf(const SecretBytes& agreed, absl::string_view algorithm, absl::string_view producer,
                      absl::string_view consumer, size_t bits) {
  // One round gives 256 bits, which is all that is asked for.
  Sha256Digest derived =
      Sha256({BigEndian32(1), agreed.Reveal(SecretAccess::Granted()), BigEndian(algorithm.size(), 4), algorithm,
              BigEndian(producer.size(), 4), producer, BigEndian(consumer.size(), 4), consumer, BigEndian(bits, 4)});
  SecretBytes key = SecretBytes::CopyOf(AsBytes(derived).substr(0, bits / 8));
  OPENSSL_cleanse(derived.data(), derived.size());
  return key;
}

}  // namespace postern::crypto
