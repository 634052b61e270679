// The tables of the key store's file.
//
// Keys that are made together are wrapped together, in blocks that fit into a page. Blocks are appended in order and
// afterwards only overwritten in place by bytes of the same length: SQLite then never moves one between pages, so that
// overwriting it leaves no copy of it in the unused part of another page. Where the key of a name is, is apart
// (key_slots.h).
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

// A block holds this many keys at most, all of one realm.
inline constexpr size_t kBlockKeys = 80;

struct KeyBlock {
  int64_t sequence = 0;
  std::string ids;          // 16 bytes each
  uint32_t generation = 0;  // 0: all are shredded
  std::string wrapped;

  size_t size() const { return ids.size() / KeyId::kSize; }
};

// Not thread-safe. Writes happen between Begin and Commit; after a failed write or commit call Rollback.
class KeyTable {
 public:
  // Opens the file, and makes the tables if it is empty. FAILED_PRECONDITION if it holds anything else than a key
  // store, or one of another ledger than `ledger`. `ledger`, `name_batch`: see KeyStoreOptions.
  static absl::StatusOr<KeyTable> Open(const std::string& path, absl::string_view ledger, size_t name_batch);

  // See KeyStore::Rebind.
  static absl::Status Rebind(const std::string& path, absl::string_view from, absl::string_view to);

  absl::Status Begin() { return file_.Execute("BEGIN IMMEDIATE"); }
  absl::Status Commit();
  void Rollback();

  absl::StatusOr<std::optional<KeySlot>> FindSlot(const KeyId& id) { return slots_.Find(id); }
  // DATA_LOSS if there is no such block.
  absl::StatusOr<KeyBlock> ReadBlock(int64_t sequence);
  // Adds a block and points its names' slots at it; the sequence in `block` is not looked at.
  absl::Status InsertBlock(const KeyBlock& block);
  // Overwrites a block by one of the same ids.
  absl::Status ReplaceBlock(const KeyBlock& block);
  // Empties the slot and writes the tombstone of a key whose bytes have left its block.
  absl::Status BuryKey(const KeyId& id, absl::Time now, uint32_t newest_generation);
  absl::StatusOr<std::vector<KeyTombstone>> ListTombstones(uint64_t after, size_t limit);
  // The newest one's sequence; 0 if there is none.
  absl::StatusOr<uint64_t> LastTombstone();

  // Whether names wait to be written; a step, in a transaction of its own, of doing that.
  bool NamesWait() const { return slots_.HasWork(); }
  absl::Status WriteNames() { return slots_.WriteSome(); }

  // Whether the store has ever held a key.
  absl::StatusOr<bool> AnyKey();
  absl::StatusOr<std::vector<StoredKek>> LivingKeks();
  absl::Status InsertKek(const StoredKek& kek, absl::Time now);
  // Overwrites both realms' wrapped KEKs of `generation` by zeros.
  absl::Status DestroyKeks(uint32_t generation, absl::Time now);
  absl::StatusOr<std::vector<KeyGeneration>> ListGenerations();
  // The last block; 0 if there is none.
  absl::StatusOr<int64_t> LastBlock();
  // Blocks with living keys, above `after`, up to and including `last`, that a generation before `generation` wraps.
  absl::StatusOr<std::vector<KeyBlock>> BlocksBefore(uint32_t generation, int64_t after, int64_t last);
  // Whether a block above `after`, up to and including `last`, has a living key that `generation` wraps.
  absl::StatusOr<bool> AnyKeyOf(uint32_t generation, int64_t after, int64_t last);

  SqliteFile& file() { return file_; }

 private:
  explicit KeyTable(SqliteFile file) : file_(std::move(file)) {}
  absl::Status Prepare(size_t name_batch);

  SqliteFile file_;
  // After the file: statements are finalised before their connection closes.
  SqliteStatement read_block_, insert_block_, replace_block_, insert_tombstone_, list_tombstones_;
  SqliteStatement living_keks_, list_generations_, insert_kek_, destroy_keks_, blocks_before_, any_key_of_;
  KeySlots slots_;
};

}  // namespace postern::crypto
