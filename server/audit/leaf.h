// The bytes of one audit leaf.
//
//   0x01 ‖ length of the metadata (4 bytes, big-endian) ‖ public metadata ‖ commitment (32 bytes)
//
// The metadata (a serialised AuditEntry) is public and lives for ever. The private part is not in the tree: the leaf
// holds HMAC-SHA256(salt, private part), and the 32-byte salt is sealed elsewhere under the subject's key. After that
// key is shredded the leaf still proves that something definite was recorded, and nobody can tell what, not even by
// guessing.
#pragma once

#include <initializer_list>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/crypto/secret.h"
#include "server/crypto/sha256.h"

namespace postern::audit {

struct AuditLeaf {
  std::string metadata;
  crypto::Sha256Digest commitment{};
};

inline constexpr size_t kCommitmentSaltSize = 32;

// A fresh salt for one leaf.
absl::StatusOr<crypto::SecretBytes> NewCommitmentSalt();

// HMAC-SHA256(salt, private_part). A leaf without a private part commits to the empty string, under a fresh salt all
// the same. INVALID_ARGUMENT unless the salt is kCommitmentSaltSize bytes.
absl::StatusOr<crypto::Sha256Digest> CommitToPrivatePart(const crypto::SecretBytes& salt,
                                                         absl::string_view private_part);
// The same, of a private part in pieces.
absl::StatusOr<crypto::Sha256Digest> CommitToPrivatePart(const crypto::SecretBytes& salt,
                                                         std::initializer_list<absl::string_view> pieces);

std::string EncodeLeaf(absl::string_view metadata, const crypto::Sha256Digest& commitment);

// DATA_LOSS if `leaf` was not made by EncodeLeaf.
absl::StatusOr<AuditLeaf> DecodeLeaf(absl::string_view leaf);

}  // namespace postern::audit
