// Where the newest key of a name is.
//
// Keys are appended in order, while names are HMACs: written one by one into a B-tree, each would dirty a page of its
// own in every commit. So the B-tree key_slots is written behind the commits, in large sorted batches. The names that
// it lacks are in memory, and after a crash they are read back from the keys' own rows, which carry them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/crypto/key_id.h"
#include "server/crypto/sqlite_file.h"

namespace postern::crypto {

// What is stored about the name in a key id.
struct KeySlot {
  KeyId id;              // with the incarnation of the newest key
  int64_t sequence = 0;  // its row; 0 if that key is shredded
};

// Not thread-safe. The transactions are the caller's; each must end with Committed or RolledBack.
class KeySlots {
 public:
  // The tables are there already. `full_batch`: from how many names in memory on they are written, about 50 bytes each.
  absl::Status Open(SqliteFile& file, size_t full_batch);

  absl::StatusOr<std::optional<KeySlot>> Find(const KeyId& id);
  // Within a transaction that appended the key's row.
  void Put(const KeySlot& slot) { changed_.push_back(slot); }
  // Within a transaction that emptied the key's row.
  absl::Status Clear(const KeyId& id);
  void Committed();
  void RolledBack() {
    changed_.clear();
    writing_ = 0;
  }

  bool HasFullBatch() const { return recent_.size() >= full_batch_; }
  // One step, a transaction, of writing the names in memory to the B-tree. Steps go on until HasFullBatch is false.
  absl::Status WriteSome();

 private:
  absl::Status WriteSlot(const KeySlot& slot);
  // Begins a batch: the order of its names and how far it will take the B-tree.
  void StartBatch();
  void FinishStep();

  size_t full_batch_ = 0;
  SqliteStatement find_, put_, set_through_;
  // By name; the newest state. All keys in rows above `through` are here.
  absl::flat_hash_map<KeyId, KeySlot> recent_;
  std::vector<KeySlot> changed_;  // in the transaction under way
  int64_t newest_ = 0;            // the last row that has its name in recent_ or in the B-tree

  std::vector<KeyId> batch_;  // sorted names that are still to be written
  size_t writing_ = 0;        // how many of them the transaction under way writes
  int64_t batch_through_ = 0;
};

}  // namespace postern::crypto
