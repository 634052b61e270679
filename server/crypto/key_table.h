// The tables of the key store's file.
//
// Wrapped keys are appended in order and afterwards only overwritten in place by bytes of the same length: SQLite then
// never moves one between pages, so that overwriting it leaves no copy of it in the unused part of another page. Names
// are in a B-tree of their own that holds no key (key_slots.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/crypto/kek_ring.h"
#include "server/crypto/key_id.h"
#include "server/crypto/key_slots.h"
#include "server/crypto/key_store.h"
#include "server/crypto/sqlite_file.h"

namespace postern::crypto {

struct WrappedKey {
  int64_t sequence = 0;
  KeyId id;
  uint32_t generation = 0;
  std::string bytes;
};

// Not thread-safe. Writes happen between Begin and Commit; after a failed write or commit call Rollback.
class KeyTable {
 public:
  // Opens the file, and makes the tables if it is empty. FAILED_PRECONDITION if it holds anything else than a key
  // store. `name_batch`: see KeyStoreOptions.
  static absl::StatusOr<KeyTable> Open(const std::string& path, size_t name_batch);

  absl::Status Begin() { return file_.Execute("BEGIN IMMEDIATE"); }
  absl::Status Commit();
  void Rollback();

  absl::StatusOr<std::optional<KeySlot>> FindSlot(const KeyId& id) { return slots_.Find(id); }
  absl::StatusOr<WrappedKey> ReadKey(int64_t sequence);
  // Adds a key and points its name's slot at it.
  absl::Status InsertKey(const KeyId& id, uint32_t generation, absl::string_view wrapped);
  // Overwrites the wrapped key by zeros, empties the slot and writes the tombstone.
  absl::Status ShredKey(const KeySlot& slot, absl::Time now, uint32_t newest_generation);
  absl::StatusOr<std::vector<KeyTombstone>> ListTombstones(uint64_t after, size_t limit);

  // Whether names wait to be written to their B-tree; a step, in a transaction of its own, of doing that.
  bool NamesWait() const { return slots_.HasFullBatch(); }
  absl::Status WriteNames() { return slots_.WriteSome(); }

  // Whether the store has ever held a key.
  absl::StatusOr<bool> AnyKey();
  absl::StatusOr<std::vector<StoredKek>> LivingKeks();
  absl::Status InsertKek(const StoredKek& kek, absl::Time now);
  // Overwrites both realms' wrapped KEKs of `generation` by zeros.
  absl::Status DestroyKeks(uint32_t generation, absl::Time now);
  // Living keys in rows above `after` that a generation before `generation` wraps, at most `limit`.
  absl::StatusOr<std::vector<WrappedKey>> KeysBefore(uint32_t generation, int64_t after, size_t limit);
  absl::Status ReplaceKey(int64_t sequence, uint32_t generation, absl::string_view wrapped);
  absl::StatusOr<bool> AnyKeyOf(uint32_t generation);

  SqliteFile& file() { return file_; }

 private:
  explicit KeyTable(SqliteFile file) : file_(std::move(file)) {}
  absl::Status Prepare(size_t name_batch);

  SqliteFile file_;
  // After the file: statements are finalised before their connection closes.
  SqliteStatement read_key_, insert_key_, zero_key_, insert_tombstone_, list_tombstones_;
  SqliteStatement living_keks_, insert_kek_, destroy_keks_, keys_before_, replace_key_, any_key_of_;
  KeySlots slots_;
};

}  // namespace postern::crypto
