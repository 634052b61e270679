// The version of every record that has one: a later record must exceed it. A row a record, in an ordinary table.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/storage/postgres/connection.h"
#include "server/storage/sql/write_scope.h"

namespace postern::storage {

// The newest version of a record; `free`: it ended before its partner could have it, so that it may come again.
struct RecordVersion {
  uint64_t version = 0;
  bool free = false;

  bool Admits(uint64_t next) const { return next > version || (free && next == version); }
};

class PostgresVersionBook final : public VersionBook {
 public:
  absl::Status GiveBack(Connection& db, int64_t scope, const Mac16& key, uint64_t version) override;
};

// Versions that one group of commits asks for and changes: read at once, written at once.
class GroupVersions {
 public:
  // What it will be asked for. Before Read.
  void Want(int64_t scope, const Mac16& key);

  // Reads what is wanted.
  absl::Status Read(PostgresConnection& db);
  // Whether `version` may come next, which it has done then. Entries see those before them.
  bool Advance(int64_t scope, const Mac16& key, uint64_t version);
  // Writes what has changed.
  absl::Status Write(PostgresConnection& db) const;

 private:
  struct Key {
    int64_t scope = 0;
    Mac16 record{};
    friend bool operator==(const Key& a, const Key& b) { return a.scope == b.scope && a.record == b.record; }
    template <typename H>
    friend H AbslHashValue(H hash, const Key& key) {
      return H::combine(std::move(hash), key.scope, key.record);
    }
  };

  std::vector<Key> wanted_;
  absl::flat_hash_map<Key, RecordVersion> known_;
  absl::flat_hash_map<Key, uint64_t> changed_;
};

}  // namespace postern::storage
