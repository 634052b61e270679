// A SHA-256 computation under way: plain memory, so that one is started, copied and wiped without the allocator.
//
// OpenSSL's low-level functions on purpose, though it advises against them since 3.0: EVP dispatches every call through
// a provider, which costs more than hashing a block does, and a disclosure takes some thirty short digests.
#pragma once

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <initializer_list>

#include "absl/strings/string_view.h"
#include "server/crypto/sha256.h"

namespace postern::crypto {

class Sha256State {
 public:
  Sha256State();
  // Leaves nothing of a key behind that was hashed.
  ~Sha256State() { OPENSSL_cleanse(&state_, sizeof(state_)); }
  Sha256State(const Sha256State&) = default;
  Sha256State& operator=(const Sha256State&) = default;

  void Add(absl::string_view bytes);
  // Adds `parts` and ends the computation: to be used no more.
  Sha256Digest Finish(std::initializer_list<absl::string_view> parts);

 private:
  SHA256_CTX state_;
};

}  // namespace postern::crypto
