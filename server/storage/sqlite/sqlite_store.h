// The store of a single gateway: SQLite files in a directory of its own.
//
//   ledger.db  everything; WAL, synchronous=FULL, one connection that writes and checkpoints
//   index.db   secondary indexes; may be deleted at any time, it is rebuilt from ledger.db
//   lock       held while a store is open
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/storage/store.h"

namespace postern::storage {

struct SqliteStoreOptions {
  // The data directory. Must be a directory of this user with mode 0700, not a symbolic link.
  std::string directory;
  // Makes the directory and the files if they are missing.
  bool create_if_missing = true;
  // Only the expiry of request ids depends on it.
  std::function<absl::Time()> clock = [] { return absl::Now(); };
  // The log is copied back into ledger.db when it has this many pages of 4 KiB. More: fewer, longer pauses of up to
  // about 1 ms for 1 MiB; and a commit costs more until the log has that length once, because the file grows.
  int64_t checkpoint_pages = 2048;
  // The subject index is extended by this many disclosures at once. More: fewer, larger runs, and a longer tail that
  // readers scan.
  int64_t index_batch = 8192;
  // Record versions wait in memory, about 40 bytes each, until there are this many to be written as one sorted run.
  // More: fewer runs that a commit asks, less merging, and more rows that are read at the start.
  int64_t version_batch = 16384;
  // The tail is indexed, however short, when the ledger was quiet for this long.
  absl::Duration index_idle = absl::Seconds(5);
  // Connections for reading that may be open at once; each caches up to 4 MiB.
  int readers = 4;
  // Told how long every COMMIT took, which is the write and the fsync of the log, with the writer's lock held. May be
  // null.
  std::function<void(absl::Duration)> on_sync;
  // Name of the SQLite VFS; empty: the system's. Tests pass one that fails.
  std::string vfs;
};

// Opens the store, creates or migrates it where needed, and brings it to a state that is known to be on disk.
// FAILED_PRECONDITION if the directory is exposed, in use or of a later release; LEDGER_UNAVAILABLE if the disk fails;
// DATA_LOSS if the ledger contradicts itself.
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const SqliteStoreOptions& options);

}  // namespace postern::storage
