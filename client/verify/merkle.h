// Checks of an RFC 6962 tree, written from RFC 9162 (section 2.1) alone. Shares no code with the server that it checks.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace postern::client::verify {

using Hash = std::array<uint8_t, 32>;

Hash LeafHash(absl::string_view leaf);
Hash NodeHash(const Hash& left, const Hash& right);
// The root of a tree without leaves.
Hash EmptyRoot();

// OK if `proof` shows that the leaf with this hash is number `index` in the tree of `size` leaves with root `root`;
// DATA_LOSS if not.
absl::Status VerifyInclusion(const Hash& leaf_hash, uint64_t index, uint64_t size, absl::Span<const Hash> proof,
                             const Hash& root);

// OK if `proof` shows that the tree (new_size, new_root) extends (old_size, old_root); DATA_LOSS if not.
absl::Status VerifyConsistency(uint64_t old_size, const Hash& old_root, uint64_t new_size, const Hash& new_root,
                               absl::Span<const Hash> proof);

// Recomputes a whole log from its leaves, one at a time. Memory O(log size).
class LogRecomputer {
 public:
  void Add(absl::string_view leaf);
  uint64_t size() const { return size_; }
  // The root of what was added so far.
  Hash Root() const;

 private:
  struct Subtree {
    uint64_t leaves;
    Hash hash;
  };
  uint64_t size_ = 0;
  std::vector<Subtree> subtrees_;
};

}  // namespace postern::client::verify
