#include "server/crypto/sha256.h"

#include <openssl/crypto.h>

#include "server/crypto/sha256_state.h"

// See sha256_state.h. These functions cannot fail.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace postern::crypto {

Sha256State::Sha256State() {
  SHA256_Init(&state_);
}

void Sha256State::Add(absl::string_view bytes) {
  SHA256_Update(&state_, bytes.data(), bytes.size());
}

Sha256Digest Sha256State::Finish(std::initializer_list<absl::string_view> parts) {
  for (const absl::string_view part : parts) Add(part);
  Sha256Digest digest;
  SHA256_Final(digest.data(), &state_);
  return digest;
}

Sha256Digest Sha256(std::initializer_list<absl::string_view> parts) {
  return Sha256State().Finish(parts);
}

bool ConstantTimeEquals(absl::string_view a, absl::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace postern::crypto
