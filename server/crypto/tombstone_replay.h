// Key store and tombstone log at a start: what one of them knows and the other does not.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/crypto/kek_ring.h"
#include "server/crypto/key_table.h"
#include "server/crypto/tombstone_log.h"

namespace postern::crypto {

// Shreds again what the log says and the store does not: the store is a copy from before. Then writes what only the
// store knows to the log: a crash came between the two. Returns how many keys were shredded again. DATA_LOSS if the two
// do not tell one history; `path` is the log's. Outside of transactions.
absl::StatusOr<uint64_t> ReplayTombstones(KeyTable& table, const KekRing& keks, TombstoneLog& log,
                                          const std::string& path);

// Writes to the log what only the store knows.
absl::Status ExtendTombstoneLog(KeyTable& table, TombstoneLog& log);

}  // namespace postern::crypto
