// Keys in the blocks in which they are stored.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/crypto/kek_ring.h"
#include "server/crypto/key_store.h"
#include "server/crypto/key_table.h"

namespace postern::crypto {

// New blocks of `keys`, which may be of either realm, under the current generation.
absl::StatusOr<std::vector<KeyBlock>> WrapKeys(const KekRing& keks, absl::Span<const KeyHandle> keys);

// The key `id` at this place of a block. DATA_LOSS if it is not there, or the block does not unwrap.
absl::StatusOr<std::shared_ptr<const SecretBytes>> UnwrapKey(const KekRing& keks, const KeyBlock& block,
                                                             const KeyId& id, size_t place);

// The block under the current generation. DATA_LOSS if it does not unwrap.
absl::StatusOr<KeyBlock> Rewrap(const KekRing& keks, KeyBlock block);

// The block without the key at `place`, under the current generation; all zeros if no key is left in it. Of a block
// that does not unwrap, what there is of the key goes all the same.
absl::StatusOr<KeyBlock> WithoutKey(const KekRing& keks, KeyBlock block, size_t place);

}  // namespace postern::crypto
