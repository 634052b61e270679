// OpenSSL cipher contexts that are used again and again.
#pragma once

#include <openssl/evp.h>

#include "server/crypto/openssl_scope.h"

namespace postern::crypto {

// A context that knows its cipher, or null. Later it is initialised without naming the cipher again: OpenSSL would
// throw its state away and allocate it anew.
inline OpensslPtr<EVP_CIPHER_CTX> NewCipherContext(const char* algorithm) {
  const OpensslPtr<EVP_CIPHER> cipher(EVP_CIPHER_fetch(nullptr, algorithm, nullptr));
  OpensslPtr<EVP_CIPHER_CTX> context(EVP_CIPHER_CTX_new());
  if (cipher == nullptr || context == nullptr ||
      EVP_EncryptInit_ex2(context.get(), cipher.get(), nullptr, nullptr, nullptr) != 1) {
    return nullptr;
  }
  return context;
}

}  // namespace postern::crypto
