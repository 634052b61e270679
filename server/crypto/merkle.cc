#include "server/crypto/merkle.h"

#include <algorithm>

#include "absl/numeric/bits.h"
#include "absl/strings/str_cat.h"
#include "server/crypto/big_endian.h"
#include "server/crypto/errors.h"

namespace postern::crypto {

Sha256Digest MerkleLeafHash(absl::string_view leaf) {
  return Sha256({absl::string_view("\0", 1), leaf});
}

Sha256Digest MerkleNodeHash(const Sha256Digest& left, const Sha256Digest& right) {
  return Sha256({absl::string_view("\1", 1), AsBytes(left), AsBytes(right)});
}

Sha256Digest MerkleEmptyRoot() {
  return Sha256({});
}

absl::StatusOr<MerkleFrontier> MerkleFrontier::Parse(absl::string_view bytes) {
  if (bytes.size() < 8) return errors::StoredBytesMalformed("tree frontier");
  MerkleFrontier frontier;
  frontier.size_ = ReadBigEndian(bytes.substr(0, 8));
  bytes.remove_prefix(8);
  const size_t subtrees = static_cast<size_t>(absl::popcount(frontier.size_));
  if (bytes.size() != subtrees * sizeof(Sha256Digest)) return errors::StoredBytesMalformed("tree frontier");
  for (size_t i = 0; i < subtrees; ++i) {
    std::copy_n(bytes.begin() + i * sizeof(Sha256Digest), sizeof(Sha256Digest),
                frontier.subtrees_.emplace_back().begin());
  }
  return frontier;
}

std::string MerkleFrontier::Serialize() const {
  std::string bytes = BigEndian64(size_);
  for (const Sha256Digest& subtree : subtrees_) absl::StrAppend(&bytes, AsBytes(subtree));
  return bytes;
}

void MerkleFrontier::Append(const Sha256Digest& leaf_hash, std::vector<MerkleNode>* completed) {
  MerkleNode node{0, size_, leaf_hash};
  if (completed != nullptr) completed->push_back(node);
  // As many subtrees are completed as the size has trailing ones: the carry of a binary addition.
  for (uint64_t carry = size_; (carry & 1) != 0; carry >>= 1) {
    node = {static_cast<uint8_t>(node.level + 1), node.index >> 1, MerkleNodeHash(subtrees_.back(), node.hash)};
    subtrees_.pop_back();
    if (completed != nullptr) completed->push_back(node);
  }
  subtrees_.push_back(node.hash);
  ++size_;
}

Sha256Digest MerkleFrontier::Root() const {
  if (subtrees_.empty()) return MerkleEmptyRoot();
  Sha256Digest root = subtrees_.back();
  for (size_t i = subtrees_.size() - 1; i > 0; --i) root = MerkleNodeHash(subtrees_[i - 1], root);
  return root;
}

}  // namespace postern::crypto
