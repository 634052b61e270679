// Destroying keys, and when their destruction is final.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "server/crypto/kek_ring.h"
#include "server/crypto/key_id.h"
#include "server/crypto/key_store.h"
#include "server/crypto/key_table.h"
#include "server/crypto/root_keyset.h"

namespace postern::crypto {

// Within a transaction: takes the key out of its block, which held the only copy, and writes its tombstone. A key that
// never was gets one too; for one that is destroyed nothing happens. `newest_generation` is the tombstone's. DATA_LOSS
// if its block is damaged; INVALID_ARGUMENT for the index key, which is never shredded.
absl::Status ShredKey(KeyTable& table, const KekRing& keks, const KeyId& id, absl::Time now,
                      uint32_t newest_generation);

// As KeyStore::IsFinal; `all` are the generations that ever were.
bool AllBeyondReach(absl::Span<const KeyGeneration> all, const Roots& roots, uint32_t generation);

}  // namespace postern::crypto
