#include "server/audit/proof.h"

#include "absl/numeric/bits.h"
#include "proto/errors/error.h"
#include "server/audit/errors.h"

namespace postern::audit {
namespace {

using crypto::MerkleNodeHash;
using crypto::Sha256Digest;
using Proof = std::vector<Sha256Digest>;

// The largest power of two below `count`, which is at least 2: how many leaves go into the left subtree.
uint64_t SplitPoint(uint64_t count) {
  return absl::bit_floor(count - 1);
}

// The root of leaves [begin, begin + count). Every split leaves `begin` a multiple of the left part, so complete
// subtrees are aligned.
absl::StatusOr<Sha256Digest> RangeRoot(uint64_t begin, uint64_t count, NodeReader reader) {
  if (absl::has_single_bit(count)) {
    const auto level = static_cast<uint8_t>(absl::countr_zero(count));
    return reader(level, begin >> level);
  }
  const uint64_t split = SplitPoint(count);
  POSTERN_ASSIGN_OR_RETURN(const Sha256Digest left, RangeRoot(begin, split, reader));
  POSTERN_ASSIGN_OR_RETURN(const Sha256Digest right, RangeRoot(begin + split, count - split, reader));
  return MerkleNodeHash(left, right);
}

// RFC 9162's SUBPROOF for the tree of `count` leaves from `begin`, of which the old tree has the first `old_count`.
// `old_is_known`: the old tree's root over this range is what the verifier has, so it need not be sent.
absl::Status AppendSubproof(uint64_t begin, uint64_t old_count, uint64_t count, bool old_is_known, NodeReader reader,
                            Proof& proof) {
  if (old_count == count) {
    if (old_is_known) return absl::OkStatus();
    POSTERN_ASSIGN_OR_RETURN(proof.emplace_back(), RangeRoot(begin, count, reader));
    return absl::OkStatus();
  }
  const uint64_t split = SplitPoint(count);
  if (old_count <= split) {
    POSTERN_RETURN_IF_ERROR(AppendSubproof(begin, old_count, split, old_is_known, reader, proof));
    POSTERN_ASSIGN_OR_RETURN(proof.emplace_back(), RangeRoot(begin + split, count - split, reader));
  } else {
    POSTERN_RETURN_IF_ERROR(AppendSubproof(begin + split, old_count - split, count - split, false, reader, proof));
    POSTERN_ASSIGN_OR_RETURN(proof.emplace_back(), RangeRoot(begin, split, reader));
  }
  return absl::OkStatus();
}

absl::Status AppendPath(uint64_t begin, uint64_t offset, uint64_t count, NodeReader reader, Proof& proof) {
  if (count == 1) return absl::OkStatus();
  const uint64_t split = SplitPoint(count);
  if (offset < split) {
    POSTERN_RETURN_IF_ERROR(AppendPath(begin, offset, split, reader, proof));
    POSTERN_ASSIGN_OR_RETURN(proof.emplace_back(), RangeRoot(begin + split, count - split, reader));
  } else {
    POSTERN_RETURN_IF_ERROR(AppendPath(begin + split, offset - split, count - split, reader, proof));
    POSTERN_ASSIGN_OR_RETURN(proof.emplace_back(), RangeRoot(begin, split, reader));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Proof> InclusionProof(uint64_t index, uint64_t size, NodeReader reader) {
  if (index >= size) return errors::OutsideTree("the leaf is not in the tree");
  Proof proof;
  POSTERN_RETURN_IF_ERROR(AppendPath(0, index, size, reader, proof));
  return proof;
}

absl::StatusOr<Proof> ConsistencyProof(uint64_t old_size, uint64_t new_size, NodeReader reader) {
  if (old_size > new_size) return errors::OutsideTree("the old tree is larger than the new one");
  Proof proof;
  if (old_size == 0) return proof;
  POSTERN_RETURN_IF_ERROR(AppendSubproof(0, old_size, new_size, true, reader, proof));
  return proof;
}

}  // namespace postern::audit
