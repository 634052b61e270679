#include "server/audit/leaf.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/audit/errors.h"
#include "server/crypto/big_endian.h"
#include "server/crypto/hmac.h"
#include "server/crypto/random.h"

namespace postern::audit {
namespace {

constexpr char kVersion = 0x01;
constexpr size_t kPrefixSize = 1 + 4;

}  // namespace

absl::StatusOr<crypto::SecretBytes> NewCommitmentSalt() {
  return crypto::RandomSecret(kCommitmentSaltSize);
}

absl::StatusOr<crypto::Sha256Digest> CommitToPrivatePart(const crypto::SecretBytes& salt,
                                                         absl::string_view private_part) {
  return CommitToPrivatePart(salt, std::initializer_list<absl::string_view>{private_part});
}

absl::StatusOr<crypto::Sha256Digest> CommitToPrivatePart(const crypto::SecretBytes& salt,
                                                         std::initializer_list<absl::string_view> pieces) {
  if (salt.size() != kCommitmentSaltSize) return errors::SaltMalformed();
  return crypto::HmacOnce(salt.Reveal(crypto::SecretAccess::Granted()), pieces);
}

std::string EncodeLeaf(absl::string_view metadata, const crypto::Sha256Digest& commitment) {
  return absl::StrCat(absl::string_view(&kVersion, 1), crypto::BigEndian32(static_cast<uint32_t>(metadata.size())),
                      metadata, crypto::AsBytes(commitment));
}

absl::StatusOr<AuditLeaf> DecodeLeaf(absl::string_view leaf) {
  AuditLeaf decoded;
  if (leaf.size() < kPrefixSize + decoded.commitment.size() || leaf[0] != kVersion) return errors::LeafMalformed();
  const uint64_t size = crypto::ReadBigEndian(leaf.substr(1, 4));
  if (leaf.size() != kPrefixSize + size + decoded.commitment.size()) return errors::LeafMalformed();
  decoded.metadata = std::string(leaf.substr(kPrefixSize, size));
  std::copy_n(leaf.begin() + kPrefixSize + size, decoded.commitment.size(), decoded.commitment.begin());
  return decoded;
}

}  // namespace postern::audit
