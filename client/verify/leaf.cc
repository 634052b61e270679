#include "client/verify/leaf.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

#include "client/verify/errors.h"

namespace postern::client::verify {
namespace {

constexpr size_t kHeader = 5;
constexpr size_t kSaltSize = 32;

}  // namespace

absl::StatusOr<Leaf> ParseLeaf(absl::string_view bytes) {
  Leaf leaf;
  if (bytes.size() < kHeader + leaf.commitment.size()) return errors::Malformed("an audit leaf is too short");
  if (bytes[0] != 0x01) return errors::Malformed("an audit leaf of unknown version");
  uint64_t length = 0;
  for (size_t i = 1; i < kHeader; ++i) length = length * 256 + static_cast<unsigned char>(bytes[i]);
  if (length != bytes.size() - kHeader - leaf.commitment.size())
    return errors::Malformed("an audit leaf of wrong length");
  leaf.metadata = bytes.substr(kHeader, length);
  const absl::string_view commitment = bytes.substr(kHeader + length);
  std::copy(commitment.begin(), commitment.end(), leaf.commitment.begin());
  return leaf;
}

absl::Status VerifyCommitment(const Leaf& leaf, absl::string_view salt, absl::string_view private_part) {
  if (salt.size() != kSaltSize) return errors::Malformed("a commitment's salt has 32 bytes");
  Hash expected;
  unsigned size = 0;
  const auto* result =
      HMAC(EVP_sha256(), salt.data(), static_cast<int>(salt.size()),
           reinterpret_cast<const unsigned char*>(private_part.data()), private_part.size(), expected.data(), &size);
  if (result == nullptr || size != expected.size()) return errors::CryptoFailed("HMAC");
  if (CRYPTO_memcmp(expected.data(), leaf.commitment.data(), expected.size()) != 0) {
    return errors::NotVerified("the leaf commits to something else");
  }
  return absl::OkStatus();
}

}  // namespace postern::client::verify
