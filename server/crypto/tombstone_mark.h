// How far the tombstone log has got, remembered beside the key store and not touched by putting either back.
//
// A key store from before a shred together with a tombstone log that was cut, or is of the same age, tells one history
// and brings the key back to life. The mark says which history there was: its length, and the check of its last entry,
// which covers position, key and time.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "server/crypto/tombstone_log.h"

namespace postern::crypto {

// Of the key store at `key_store`: the name of its mark.
std::string TombstoneMarkPath(const std::string& key_store);

// DATA_LOSS if the log does not hold the entry that the mark at `path` names: it was cut, or is an older or another
// one's. OK where there is no mark yet.
absl::Status CheckTombstoneMark(const std::string& path, TombstoneLog& log);

// Moves the mark to the log's end, durably. What it names must be durable.
absl::Status SetTombstoneMark(const std::string& path, TombstoneLog& log);

}  // namespace postern::crypto
