#include "server/crypto/gcm.h"

#include <openssl/crypto.h>

#include <climits>

#include "proto/errors/error.h"
#include "server/crypto/cipher_context.h"
#include "server/crypto/errors.h"
#include "server/crypto/openssl_scope.h"

namespace postern::crypto {
namespace {

constexpr size_t kBlockSize = 16;
// OpenSSL takes lengths as int.
constexpr size_t kMaxMessage = INT_MAX - 1024;

const uint8_t* Data(absl::string_view bytes) {
  return reinterpret_cast<const uint8_t*>(bytes.data());
}
uint8_t* Data(std::string& bytes) {
  return reinterpret_cast<uint8_t*>(bytes.data());
}

// Reused because setting a cipher up costs more than sealing a short record. Holds the last key's schedule until the
// next use. Null if there is no such cipher.
EVP_CIPHER_CTX* ThreadContext() {
  thread_local const OpensslPtr<EVP_CIPHER_CTX> context = NewCipherContext("AES-256-GCM");
  return context.get();
}

}  // namespace

// Writes the ciphertext and its tag to `out`, plaintext.size() + kGcmTagSize bytes.
absl::Status GcmSeal(const uint8_t* key, absl::string_view nonce, std::initializer_list<absl::string_view> aad,
                     absl::string_view plaintext, uint8_t* out) {
  const ErrorQueueGuard guard;
  EVP_CIPHER_CTX* const context = ThreadContext();
  if (context == nullptr) return errors::CryptoFailed("AES-256-GCM is not available");
  if (plaintext.size() > kMaxMessage) return errors::Malformed("message too long to seal");
  int written = 0;
  if (EVP_EncryptInit_ex2(context, nullptr, key, Data(nonce), nullptr) != 1) {
    return errors::CryptoFailed("AES-256-GCM init");
  }
  for (absl::string_view part : aad) {
    if (part.size() > kMaxMessage) return errors::Malformed("context too long");
    if (EVP_EncryptUpdate(context, nullptr, &written, Data(part), static_cast<int>(part.size())) != 1) {
      return errors::CryptoFailed("AES-256-GCM context");
    }
  }
  if (EVP_EncryptUpdate(context, out, &written, Data(plaintext), static_cast<int>(plaintext.size())) != 1 ||
      static_cast<size_t>(written) != plaintext.size() ||
      EVP_EncryptFinal_ex(context, out + plaintext.size(), &written) != 1 ||
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kGcmTagSize, out + plaintext.size()) != 1) {
    return errors::CryptoFailed("AES-256-GCM seal");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> GcmOpen(const uint8_t* key, absl::string_view nonce,
                                    std::initializer_list<absl::string_view> aad,
                                    absl::string_view ciphertext_and_tag) {
  const ErrorQueueGuard guard;
  EVP_CIPHER_CTX* const context = ThreadContext();
  if (context == nullptr) return errors::CryptoFailed("AES-256-GCM is not available");
  if (ciphertext_and_tag.size() < kGcmTagSize || ciphertext_and_tag.size() > kMaxMessage)
    return errors::CiphertextRejected();
  const absl::string_view ciphertext = ciphertext_and_tag.substr(0, ciphertext_and_tag.size() - kGcmTagSize);
  std::string tag(ciphertext_and_tag.substr(ciphertext.size()));
  int written = 0;
  if (EVP_DecryptInit_ex2(context, nullptr, key, Data(nonce), nullptr) != 1 ||
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kGcmTagSize, tag.data()) != 1) {
    return errors::CryptoFailed("AES-256-GCM init");
  }
  for (absl::string_view part : aad) {
    if (part.size() > kMaxMessage) return errors::CiphertextRejected();
    if (EVP_DecryptUpdate(context, nullptr, &written, Data(part), static_cast<int>(part.size())) != 1) {
      return errors::CryptoFailed("AES-256-GCM context");
    }
  }
  std::string plaintext(ciphertext.size() + kBlockSize, '\0');
  const bool authentic = EVP_DecryptUpdate(context, Data(plaintext), &written, Data(ciphertext),
                                           static_cast<int>(ciphertext.size())) == 1 &&
                         EVP_DecryptFinal_ex(context, Data(plaintext) + ciphertext.size(), &written) == 1;
  if (!authentic) {
    OPENSSL_cleanse(plaintext.data(), plaintext.size());
    return errors::CiphertextRejected();
  }
  plaintext.resize(ciphertext.size());
  return plaintext;
}

}  // namespace postern::crypto
