// Walks over the stored keys, a stretch of blocks at a time, so that commits in between do not wait long.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/crypto/kek_ring.h"
#include "server/crypto/key_table.h"

namespace postern::crypto {

// The blocks behind `after` that a step of `limit` of them looks at.
struct KeyStretch {
  int64_t after = 0;
  int64_t last = 0;
  bool empty() const { return last <= after; }
};
absl::StatusOr<KeyStretch> NextStretch(KeyTable& table, int64_t after, int limit);

// Wraps the blocks of older generations under the ring's current one. Within a transaction.
absl::Status RewrapStretch(KeyTable& table, const KekRing& keks, const KeyStretch& stretch);

// Unwraps every block with a living key. DATA_LOSS if one is not what was stored.
absl::Status CheckStretch(KeyTable& table, const KekRing& keks, const KeyStretch& stretch);

}  // namespace postern::crypto
