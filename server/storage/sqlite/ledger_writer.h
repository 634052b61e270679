// The one connection that writes ledger.db and checkpoints it, and what follows from the ledger and is kept in memory
// because nobody else writes.
//
// SQLite before 3.51.3 can corrupt a database when one connection checkpoints while another one writes; so both are
// done here, under one mutex.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "server/storage/sql/fence_table.h"
#include "server/storage/sql/write_scope.h"
#include "server/storage/sqlite/connection.h"
#include "server/storage/sqlite/record_versions.h"
#include "server/storage/store.h"

namespace postern::storage {

class SqliteWriteScope final : public WriteScope {
 public:
  SqliteWriteScope(Connection& db, const FenceTable& fences, RecordVersions& versions, LedgerHead& head)
      : WriteScope(db, fences, versions, head), record_versions_(versions) {}
  RecordVersions& record_versions() { return record_versions_; }

 private:
  RecordVersions& record_versions_;
};

// Thread-safe.
class LedgerWriter {
 public:
  // Opens, migrates and recovers. Errors as OpenSqliteStore.
  // `version_batch`, `on_sync` as in SqliteStoreOptions.
  static absl::StatusOr<std::unique_ptr<LedgerWriter>> Open(const std::string& path, const std::string& vfs,
                                                            int64_t version_batch,
                                                            std::function<void(absl::Duration)> on_sync);

  // Runs `body` in a transaction and makes it durable. If `body` fails, nothing is changed and its status is returned.
  // After a failure of the disk the outcome is unknown; the next call first reads back what is true, and fails as long
  // as that fails.
  absl::Status Write(absl::FunctionRef<absl::Status(SqliteWriteScope&)> body);
  // Copies the log into the database as far as readers let it; with `truncate` also cuts the log to nothing. False: a
  // reader is in the way, come again. Commits wait while pages are copied and never for a reader, and they go on after
  // a failure: what is not copied is still in the log, which is what they write.
  absl::StatusOr<bool> Checkpoint(bool truncate);
  // Pages in the log after the newest commit.
  int64_t log_pages() const { return log_pages_->load(std::memory_order_relaxed); }

  // After the newest durable commit.
  uint64_t fence_version() const { return fence_version_.load(std::memory_order_acquire); }
  int64_t last_seq() const { return last_seq_.load(std::memory_order_acquire); }
  // Whether record versions wait to be written to their runs.
  bool versions_wait() const { return versions_wait_.load(std::memory_order_relaxed); }

 private:
  LedgerWriter(std::string path, std::string vfs, int64_t version_batch, std::function<void(absl::Duration)> on_sync)
      : path_(std::move(path)),
        vfs_(std::move(vfs)),
        version_batch_(static_cast<size_t>(version_batch)),
        on_sync_(std::move(on_sync)) {}

  // Opens the connection anew and loads the head. What is found may have met an fsync that failed, in this process or
  // in an earlier one: the log is written again and then copied into the database, so that everything stands on writes
  // and an fsync of its own, never on a second fsync of pages whose first one failed.
  absl::Status Reopen() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Load() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Close() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status RequireKnownState() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<bool> CheckpointLocked(bool truncate) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status StoreHead(WriteScope& scope) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Commit() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Publish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string path_;
  const std::string vfs_;
  const size_t version_batch_;
  const std::function<void(absl::Duration)> on_sync_;

  absl::Mutex mutex_;
  std::unique_ptr<SqliteConnection> db_ ABSL_GUARDED_BY(mutex_);  // null: the state is unknown until Reopen
  LedgerHead head_ ABSL_GUARDED_BY(mutex_);                       // of the newest durable commit
  LedgerHead attempted_
      ABSL_GUARDED_BY(mutex_);  // of the transaction under way, or of the one whose outcome is unknown
  FenceTable fences_ ABSL_GUARDED_BY(mutex_);
  RecordVersions versions_ ABSL_GUARDED_BY(mutex_);
  bool forked_ ABSL_GUARDED_BY(mutex_) = false;  // the stored head is neither: somebody else wrote; never served again

  // Written by SQLite's hook during a commit, on the heap for its sake.
  const std::unique_ptr<std::atomic<int64_t>> log_pages_ = std::make_unique<std::atomic<int64_t>>(0);
  std::atomic<uint64_t> fence_version_{0};
  std::atomic<int64_t> last_seq_{0};
  std::atomic<bool> versions_wait_{false};
};

}  // namespace postern::storage
