#include "server/storage/sqlite/ledger_writer.h"

#include <utility>

#include "absl/time/clock.h"
#include "proto/errors/error.h"
#include "server/base/failpoint.h"
#include "server/base/wal_rewrite.h"
#include "server/storage/errors.h"
#include "server/storage/sql/ledger_head.h"
#include "server/storage/sqlite/schema.h"

namespace postern::storage {
namespace {

// What a commit touches is at the ends of its B-trees, so that a small cache has it. A large one costs every commit:
// where pages of a B-tree change places, SQLite 3.40 gives one of them the highest number there can be for a moment,
// and the end of that transaction looks through the whole cache for pages behind the end of the file.
constexpr int kCacheKib = 4 * 1024;

// synchronous=FULL: a commit returns after the log is on disk. wal_autocheckpoint=0: no commit pays for copying the log
// back.
constexpr char kSetup[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA secure_delete = ON; "
    "PRAGMA foreign_keys = OFF;";

int KeepLogPages(void* pages, sqlite3*, const char*, int count) {
  static_cast<std::atomic<int64_t>*>(pages)->store(count, std::memory_order_relaxed);
  return SQLITE_OK;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LedgerWriter>> LedgerWriter::Open(const std::string& path, const std::string& vfs,
                                                                 int64_t version_batch,
                                                                 std::function<void(absl::Duration)> on_sync) {
  auto writer = std::unique_ptr<LedgerWriter>(new LedgerWriter(path, vfs, version_batch, std::move(on_sync)));
  absl::MutexLock lock(&writer->mutex_);
  POSTERN_RETURN_IF_ERROR(writer->Reopen());
  return writer;
}

absl::Status LedgerWriter::Reopen() {
  if (const int code = base::RewriteWal(path_, vfs_.empty() ? nullptr : vfs_.c_str()); code != SQLITE_OK) {
    return errors::SqliteFailed("rewrite the log", code);
  }
  POSTERN_ASSIGN_OR_RETURN(db_, SqliteConnection::Open(path_, SqliteConnection::Mode::kReadWrite, vfs_, kCacheKib));
  absl::Status status = db_->Execute(kSetup, "set up the ledger");
  if (status.ok()) status = Migrate(*db_).status();
  if (status.ok()) {
    const absl::StatusOr<bool> copied = CheckpointLocked(/*truncate=*/true);
    status = copied.ok() && !*copied ? errors::SqliteFailed("checkpoint", SQLITE_BUSY) : copied.status();
  }
  if (status.ok()) status = Load();
  if (status.ok()) {
    sqlite3_wal_hook(db_->handle(), KeepLogPages, log_pages_.get());
    Publish();
  } else {
    Close();
  }
  return status;
}

// Statements go before their connection.
void LedgerWriter::Close() {
  versions_ = RecordVersions();
  db_.reset();
}

absl::Status LedgerWriter::Load() {
  LedgerHead head;
  FenceTable fences;
  POSTERN_RETURN_IF_ERROR(LoadLedgerHead(*db_, &head, &fences));
  head_ = std::move(head);
  fences_ = std::move(fences);
  return versions_.Load(*db_);
}

absl::Status LedgerWriter::RequireKnownState() {
  if (forked_) return errors::LedgerUnavailable("write", "forked");
  if (db_ != nullptr) return absl::OkStatus();
  const LedgerHead before = head_;
  POSTERN_RETURN_IF_ERROR(Reopen());
  if (SameTree(head_, before) || SameTree(head_, attempted_)) return absl::OkStatus();
  forked_ = true;
  Close();
  return errors::LedgerUnavailable("read back", "forked");
}

absl::Status LedgerWriter::Write(absl::FunctionRef<absl::Status(SqliteWriteScope&)> body) {
  absl::MutexLock lock(&mutex_);
  POSTERN_RETURN_IF_ERROR(RequireKnownState());
  attempted_ = head_;
  SqliteWriteScope scope(*db_, fences_, versions_, attempted_);
  absl::Status status = db_->Execute("BEGIN IMMEDIATE", "begin");
  if (status.ok()) status = body(scope);
  if (status.ok()) status = StoreHead(scope);
  if (status.ok()) status = Commit();
  if (status.ok()) {
    head_ = attempted_;
    for (const WriteScope::RaisedFence& fence : scope.raised())
      fences_.Raise(fence.scope.kind, fence.scope.id, fence.version);
    versions_.Committed(head_.last_seq);
    Publish();
    return status;
  }
  versions_.RolledBack();
  // A refusal by `body` is rolled back and nothing happened. After a failure of the disk, the database or the rollback
  // itself nothing that this connection holds in memory is trusted: it is closed, and the next write reads back what is
  // true.
  const bool refused = ReasonOf(status) != v1::ERROR_REASON_LEDGER_UNAVAILABLE;
  const bool rolled_back = sqlite3_get_autocommit(db_->handle()) != 0 || db_->Execute("ROLLBACK", "roll back").ok();
  if (!refused || !rolled_back) Close();
  return status;
}

// A head that is not the one this process left there was moved by somebody else.
absl::Status LedgerWriter::StoreHead(WriteScope& scope) {
  POSTERN_ASSIGN_OR_RETURN(const bool stored, StoreTreeHead(*db_, head_, &scope.head()));
  if (stored) return absl::OkStatus();
  forked_ = true;
  return errors::LedgerUnavailable("append to the tree", "forked");
}

absl::Status LedgerWriter::Commit() {
  if (base::FailpointFails("commit.before_fsync")) return errors::LedgerUnavailable("commit", "failpoint");
  const absl::Time begin = absl::Now();
  POSTERN_RETURN_IF_ERROR(db_->Execute("COMMIT", "commit"));
  if (on_sync_) on_sync_(absl::Now() - begin);
  // Durable, but nobody knows yet: what a crash or a lost reply leaves here is found again by request id.
  if (base::FailpointFails("commit.after")) return errors::LedgerUnavailable("commit", "failpoint");
  return absl::OkStatus();
}

void LedgerWriter::Publish() {
  fence_version_.store(fences_.newest(), std::memory_order_release);
  last_seq_.store(head_.last_seq, std::memory_order_release);
  versions_wait_.store(versions_.HasWork(version_batch_), std::memory_order_relaxed);
}

absl::StatusOr<bool> LedgerWriter::Checkpoint(bool truncate) {
  absl::MutexLock lock(&mutex_);
  POSTERN_RETURN_IF_ERROR(RequireKnownState());
  db_->WaitForLocks(false);
  const absl::StatusOr<bool> done = CheckpointLocked(truncate);
  db_->WaitForLocks(true);
  return done;
}

absl::StatusOr<bool> LedgerWriter::CheckpointLocked(bool truncate) {
  int log_pages = 0;
  int copied = 0;
  const int code = sqlite3_wal_checkpoint_v2(
      db_->handle(), nullptr, truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE, &log_pages, &copied);
  if ((code & 0xff) == SQLITE_BUSY) return false;  // extended codes are on
  if (code != SQLITE_OK) return errors::SqliteFailed("checkpoint", code);
  if (copied == log_pages) log_pages_->store(0, std::memory_order_relaxed);
  return copied == log_pages;
}

}  // namespace postern::storage
