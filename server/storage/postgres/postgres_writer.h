// The one session that writes, and what follows from the ledger and is kept in memory because nobody else writes.
//
// That nobody else does is what an advisory lock says, which the session holds as long as it lives. A session that is
// lost has lost it: before the next write a new one takes the lock again, which the server grants only once the old
// session and whatever it was committing have come to their end; then what is stored is read back. It must be what this
// process left there, or was about to: anything else was written by somebody else.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/storage/postgres/connection.h"
#include "server/storage/postgres/record_versions.h"
#include "server/storage/sql/fence_table.h"
#include "server/storage/sql/write_scope.h"

namespace postern::storage {

// Thread-safe.
class PostgresWriter {
 public:
  using Body = absl::FunctionRef<absl::Status(PostgresConnection&, WriteScope&)>;

  // Opens, takes the lock, migrates and reads. Errors as OpenPostgresStore.
  static absl::StatusOr<std::unique_ptr<PostgresWriter>> Open(const SessionOptions& session, absl::Duration lock_wait,
                                                              std::function<void(absl::Duration)> on_sync);

  // Runs `body` in a transaction and makes it durable. If `body` fails, nothing is changed and its status is returned.
  // What the server undid because of another transaction is run again, a few times. After any other failure of the
  // server the outcome is unknown; the next call first reads back what is true, and fails as long as that fails.
  absl::Status Write(Body body);
  // Reads back what is true if that is due, so that a server that has come back is found before somebody writes.
  void Recover();

  // After the newest durable commit.
  uint64_t fence_version() const { return fence_version_.load(std::memory_order_acquire); }
  int64_t last_seq() const { return last_seq_.load(std::memory_order_acquire); }

 private:
  PostgresWriter(SessionOptions session, std::function<void(absl::Duration)> on_sync)
      : session_(std::move(session)), on_sync_(std::move(on_sync)) {}

  absl::Status Reopen(absl::Duration lock_wait) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Prepare(PostgresConnection& db, absl::Duration lock_wait) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status TakeLock(PostgresConnection& db, absl::Duration wait) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status RequireKnownState() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Sets `again` if the whole of it may be tried again.
  absl::Status TryWrite(Body body, bool* again) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status StoreHead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Commit() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Publish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const SessionOptions session_;
  const std::function<void(absl::Duration)> on_sync_;

  absl::Mutex mutex_;
  std::unique_ptr<PostgresConnection> db_ ABSL_GUARDED_BY(mutex_);  // null: the state is unknown until Reopen
  LedgerHead head_ ABSL_GUARDED_BY(mutex_);                         // of the newest durable commit
  LedgerHead attempted_
      ABSL_GUARDED_BY(mutex_);  // of the transaction under way, or of the one whose outcome is unknown
  FenceTable fences_ ABSL_GUARDED_BY(mutex_);
  PostgresVersionBook versions_ ABSL_GUARDED_BY(mutex_);
  bool forked_ ABSL_GUARDED_BY(mutex_) = false;  // the stored head is neither: somebody else wrote; never served again
  int old_backend_ ABSL_GUARDED_BY(mutex_) = 0;  // of the session that was lost
  absl::Duration backoff_ ABSL_GUARDED_BY(mutex_);
  absl::Time next_attempt_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();

  std::atomic<uint64_t> fence_version_{0};
  std::atomic<int64_t> last_seq_{0};
};

}  // namespace postern::storage
