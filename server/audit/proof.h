// Inclusion and consistency proofs over an RFC 6962 tree (RFC 9162, sections 2.1.3 and 2.1.4), computed from stored
// node hashes.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "server/crypto/merkle.h"
#include "server/crypto/sha256.h"

namespace postern::audit {

// The hash of the complete subtree of 2^level leaves number `index` at that level; level 0 is the leaf hash. Asked only
// for subtrees that lie wholly inside the tree. A store that keeps what MerkleFrontier::Append completes answers each
// with one look-up. Its errors end the proof.
using NodeReader = absl::FunctionRef<absl::StatusOr<crypto::Sha256Digest>(uint8_t level, uint64_t index)>;

// The audit path of leaf `index` in the tree of `size` leaves, from the leaf up. INVALID_ARGUMENT unless index < size.
absl::StatusOr<std::vector<crypto::Sha256Digest>> InclusionProof(uint64_t index, uint64_t size, NodeReader reader);

// The proof that the tree of `new_size` leaves extends that of `old_size`; empty if they are equal or the old one is
// empty. INVALID_ARGUMENT unless old_size <= new_size.
absl::StatusOr<std::vector<crypto::Sha256Digest>> ConsistencyProof(uint64_t old_size, uint64_t new_size,
                                                                   NodeReader reader);

}  // namespace postern::audit
