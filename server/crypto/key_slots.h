// Where the newest key of a name is.
//
// Names wait in memory until they are a batch, and are written behind the commits as a sorted run (sorted_runs.h).
// After a crash those that were not written are read back: the keys' own rows and the tombstones carry them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/sorted_chunk.h"
#include "server/crypto/key_id.h"
#include "server/crypto/key_name_map.h"
#include "server/crypto/sorted_runs.h"
#include "server/crypto/sqlite_file.h"

namespace postern::crypto {

// The place of a key: its block and its index there.
struct KeyPosition {
  int64_t block = 0;  // 0: nowhere, the key is shredded
  uint8_t index = 0;

  bool living() const { return block != 0; }
  friend bool operator==(const KeyPosition&, const KeyPosition&) = default;
};

// What is stored about the name in a key id.
struct KeySlot {
  KeyId id;  // with the incarnation of the newest key
  KeyPosition position;
};

// Not thread-safe. The transactions are the caller's; each must end with Committed or RolledBack.
class KeySlots {
 public:
  // Makes the tables.
  static const char kTables[];

  // The tables are there already. `full_batch`: from how many names in memory on they are written, about 50 bytes each.
  absl::Status Open(SqliteFile& file, size_t full_batch);

  absl::StatusOr<std::optional<KeySlot>> Find(const KeyId& id);
  // Within a transaction that appended the key's block, or that wrote the tombstone numbered so.
  void Put(const KeySlot& slot) { changed_.push_back({slot, 0}); }
  void Clear(const KeyId& id, int64_t tombstone) { changed_.push_back({{id, {}}, tombstone}); }
  void Committed();
  void RolledBack();

  bool HasWork() const { return recent_.size() >= full_batch_ || runs_.busy(); }
  // One step, a transaction, of writing the names in memory and of merging what was written. Steps go on until HasWork
  // is false.
  absl::Status WriteSome();

 private:
  struct Change {
    KeySlot slot;
    int64_t tombstone = 0;
  };
  // How far names are known: blocks and tombstones.
  struct Reach {
    int64_t block = 0;
    int64_t tombstone = 0;
  };

  absl::Status ReadBack(SqliteFile& file);
  void Remember(const Change& change);
  void StartBatch();

  size_t full_batch_ = 0;
  SqliteStatement set_written_;
  SortedRuns runs_;
  // By name; the newest state. All of blocks and tombstones that the runs do not reach is here.
  KeyNameMap<KeySlot> recent_;
  std::vector<Change> changed_;  // in the transaction under way
  Reach newest_;                 // of recent_ and runs_ together

  std::vector<base::ChunkEntry> batch_;  // names that are being written, as they were at its start
  Reach batch_reach_;
  bool batch_written_ = false;  // with the transaction under way
};

}  // namespace postern::crypto
