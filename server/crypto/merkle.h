// The Merkle tree of RFC 6962 (section 2.1), as far as an appender needs it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/crypto/sha256.h"

namespace postern::crypto {

// SHA-256(0x00 ‖ leaf).
Sha256Digest MerkleLeafHash(absl::string_view leaf);
// SHA-256(0x01 ‖ left ‖ right).
Sha256Digest MerkleNodeHash(const Sha256Digest& left, const Sha256Digest& right);
// SHA-256 of nothing: the root of the tree without leaves.
Sha256Digest MerkleEmptyRoot();

// The root of a complete subtree: leaves [index << level, (index + 1) << level). Immutable once the leaves are there.
struct MerkleNode {
  uint8_t level = 0;  // 0 is a leaf hash
  uint64_t index = 0;
  Sha256Digest hash{};
};

// The right edge of a growing tree: the roots of its complete subtrees, largest first, one for each bit of the size.
// Appends in amortised constant time. Copy one to try an append and keep the old on failure. Not thread-safe.
class MerkleFrontier {
 public:
  MerkleFrontier() = default;

  // From Serialize; DATA_LOSS if `bytes` is not one. Whether it belongs to the log is for the caller to compare with a
  // stored root.
  static absl::StatusOr<MerkleFrontier> Parse(absl::string_view bytes);
  // Size as 8 bytes big-endian, then 32 bytes for each subtree, largest first.
  std::string Serialize() const;

  uint64_t size() const { return size_; }

  // Appends the leaf with this hash. Where `completed` is given, every node that this completes is added to it, the
  // leaf first: store them and any proof can be computed later.
  void Append(const Sha256Digest& leaf_hash, std::vector<MerkleNode>* completed = nullptr);

  // The tree head over all leaves so far. O(log size).
  Sha256Digest Root() const;

 private:
  uint64_t size_ = 0;
  std::vector<Sha256Digest> subtrees_;
};

}  // namespace postern::crypto
