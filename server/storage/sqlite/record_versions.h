// The newest version of every record that has one: a later record must exceed it.
//
// Record keys are HMACs: written one by one into a B-tree, each would dirty a page of its own in every commit. So they
// wait in memory and are written behind the commits, in sorted runs (crypto/sorted_runs.h). After a crash, those that
// were not written are read back from the disclosures, which carry them.
//
// What was written only ever grows. Where a record ended before its partner could have it, the shop may send its
// version again: the table record_version_free says from which version on a key is free, whatever its newest one is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/sorted_chunk.h"
#include "server/crypto/sorted_runs.h"
#include "server/storage/sql/write_scope.h"
#include "server/storage/sqlite/connection.h"
#include "server/storage/store.h"

namespace postern::storage {

// Not thread-safe: the ledger writer's. Everything but Load happens within its transactions, which end with Committed
// or RolledBack.
class RecordVersions final : public VersionBook {
 public:
  // Opens the runs and reads what they lack. For a new object.
  absl::Status Load(SqliteConnection& db);
  // Whether `version` is above the newest one of the key, which it is from then on. `scope` is what versions are
  // counted in: see grant_ref.
  absl::StatusOr<bool> Advance(Connection& db, int64_t scope, const Mac16& key, uint64_t version);
  absl::Status GiveBack(Connection& db, int64_t scope, const Mac16& key, uint64_t version) override;

  // Whether there are as many in memory, or steps are left to do.
  bool HasWork(size_t full_batch) const { return recent_.size() >= full_batch || runs_.busy(); }
  // One step of writing what is in memory and of merging what was written.
  absl::Status WriteSome(Connection& db);

  // `last_seq` is the newest position of the ledger.
  void Committed(int64_t last_seq);
  void RolledBack();

 private:
  using Name = crypto::SortedRuns::Name;

  absl::StatusOr<std::optional<uint64_t>> Newest(const Name& name);
  absl::StatusOr<std::optional<uint64_t>> FreeFrom(Connection& db, int64_t scope, const Mac16& key);
  absl::Status SetFreeFrom(Connection& db, int64_t scope, const Mac16& key, std::optional<uint64_t> version);

  crypto::SortedRuns runs_;
  absl::flat_hash_map<Name, uint64_t> recent_;   // all that the runs lack
  absl::flat_hash_map<Name, uint64_t> changed_;  // by the transaction under way
  bool any_free_ = false;                        // record_version_free may hold rows
  int64_t last_seq_ = 0;

  std::vector<base::ChunkEntry> batch_;  // what is being written, as it was at its start
  int64_t batch_through_ = 0;
  bool batch_written_ = false;  // with the transaction under way
};

}  // namespace postern::storage
