#include "server/crypto/key_walk.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "proto/errors/error.h"
#include "server/crypto/key_blocks.h"

namespace postern::crypto {

absl::StatusOr<KeyStretch> NextStretch(KeyTable& table, int64_t after, int limit) {
  POSTERN_ASSIGN_OR_RETURN(const int64_t newest, table.LastBlock());
  return KeyStretch{after, std::min(after + limit, newest)};
}

absl::Status RewrapStretch(KeyTable& table, const KekRing& keks, const KeyStretch& stretch) {
  POSTERN_ASSIGN_OR_RETURN(std::vector<KeyBlock> blocks,
                           table.BlocksBefore(keks.current(), stretch.after, stretch.last));
  for (KeyBlock& block : blocks) {
    POSTERN_ASSIGN_OR_RETURN(block, Rewrap(keks, std::move(block)));
    POSTERN_RETURN_IF_ERROR(table.ReplaceBlock(block));
  }
  return absl::OkStatus();
}

absl::Status CheckStretch(KeyTable& table, const KekRing& keks, const KeyStretch& stretch) {
  constexpr uint32_t kAll = std::numeric_limits<uint32_t>::max();
  POSTERN_ASSIGN_OR_RETURN(std::vector<KeyBlock> blocks, table.BlocksBefore(kAll, stretch.after, stretch.last));
  // What can be wrapped anew is what was stored.
  for (KeyBlock& block : blocks) POSTERN_RETURN_IF_ERROR(Rewrap(keks, std::move(block)).status());
  return absl::OkStatus();
}

}  // namespace postern::crypto
