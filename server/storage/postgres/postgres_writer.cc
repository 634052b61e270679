#include "server/storage/postgres/postgres_writer.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "proto/errors/error.h"
#include "server/base/failpoint.h"
#include "server/crypto/random.h"
#include "server/storage/errors.h"
#include "server/storage/postgres/failure.h"
#include "server/storage/postgres/move_marker.h"
#include "server/storage/postgres/schema.h"
#include "server/storage/postgres/schema_lock.h"
#include "server/storage/postgres/server_check.h"
#include "server/storage/sql/ledger_head.h"

namespace postern::storage {
namespace {

// How often a transaction is run that the server undoes because of another one.
constexpr int kAttempts = 4;
// Between two attempts to reach a server that is away.
constexpr absl::Duration kFirstBackoff = absl::Milliseconds(20);
constexpr absl::Duration kLastBackoff = absl::Seconds(2);
// While the server ends a session that is lost, and with it frees the lock.
constexpr absl::Duration kLockWaitAfterLoss = absl::Milliseconds(500);
// The cause where another gateway has the lock.
constexpr char kInUse[] = "store_in_use";

// Between half of it and the whole, so that gateways that lost one server do not come back at one moment.
absl::Duration Jittered(absl::Duration time) {
  uint8_t random = 0;
  if (!crypto::FillRandom(&random, 1).ok()) return time;
  return time / 2 + time / 2 * random / 255;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PostgresWriter>> PostgresWriter::Open(const SessionOptions& session,
                                                                     absl::Duration lock_wait,
                                                                     std::function<void(absl::Duration)> on_sync) {
  auto writer = std::unique_ptr<PostgresWriter>(new PostgresWriter(session, std::move(on_sync)));
  absl::MutexLock lock(&writer->mutex_);
  const absl::Status status = writer->Reopen(lock_wait);
  if (MetadataOf(status, "cause") == kInUse) return errors::SchemaInUse(session.schema);
  POSTERN_RETURN_IF_ERROR(status);
  return writer;
}

absl::Status PostgresWriter::Reopen(absl::Duration lock_wait) {
  POSTERN_ASSIGN_OR_RETURN(std::unique_ptr<PostgresConnection> db, PostgresConnection::Open(session_));
  POSTERN_RETURN_IF_ERROR(Prepare(*db, lock_wait));
  LedgerHead head;
  FenceTable fences;
  POSTERN_RETURN_IF_ERROR(LoadLedgerHead(*db, &head, &fences));
  db_ = std::move(db);
  head_ = std::move(head);
  fences_ = std::move(fences);
  backoff_ = kFirstBackoff;
  Publish();
  return absl::OkStatus();
}

absl::Status PostgresWriter::Prepare(PostgresConnection& db, absl::Duration lock_wait) {
  POSTERN_RETURN_IF_ERROR(CheckServer(db));
  POSTERN_RETURN_IF_ERROR(TakeLock(db, lock_wait));
  POSTERN_ASSIGN_OR_RETURN(const std::string moving, ReadMoveMarker(db));
  if (!moving.empty()) return errors::MoveUnfinished(session_.schema);
  return MigratePostgres(db, session_.schema).status();
}

absl::Status PostgresWriter::TakeLock(PostgresConnection& db, absl::Duration wait) {
  if (old_backend_ != 0) {
    // The server may not have noticed yet that nobody is there. Only a session of this process bears its name.
    Query query(db, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = ? AND application_name = ?");
    query.Bind(old_backend_).BindText(session_.application_name);
    query.Next();
    POSTERN_RETURN_IF_ERROR(query.status());
  }
  POSTERN_ASSIGN_OR_RETURN(const bool taken, TakeSchemaLock(db, session_.schema, wait));
  if (!taken) return errors::LedgerUnavailable("take the lock", kInUse);
  old_backend_ = 0;
  return absl::OkStatus();
}

absl::Status PostgresWriter::RequireKnownState() {
  if (forked_) return errors::LedgerUnavailable("write", "forked");
  if (db_ != nullptr) return absl::OkStatus();
  if (absl::Now() < next_attempt_) return errors::LedgerUnavailable("write", "reconnecting");
  const LedgerHead before = head_;
  const absl::Status status = Reopen(kLockWaitAfterLoss);
  if (!status.ok()) {
    next_attempt_ = absl::Now() + Jittered(backoff_);
    backoff_ = std::min(backoff_ * 2, kLastBackoff);
    return absl::IsFailedPrecondition(status) ? errors::LedgerUnavailable("read back", "server_unfit") : status;
  }
  if (SameTree(head_, before) || SameTree(head_, attempted_)) return absl::OkStatus();
  forked_ = true;
  db_.reset();
  return errors::LedgerUnavailable("read back", "forked");
}

absl::Status PostgresWriter::Write(Body body) {
  absl::MutexLock lock(&mutex_);
  absl::Status status;
  bool again = true;
  for (int attempt = 0; again && attempt < kAttempts; ++attempt) {
    POSTERN_RETURN_IF_ERROR(RequireKnownState());
    again = false;
    status = TryWrite(body, &again);
  }
  return status;
}

void PostgresWriter::Recover() {
  absl::MutexLock lock(&mutex_);
  if (db_ == nullptr) RequireKnownState().IgnoreError();  // the next round tries again
}

absl::Status PostgresWriter::TryWrite(Body body, bool* again) {
  attempted_ = head_;
  WriteScope scope(*db_, fences_, versions_, attempted_);
  db_->Send("BEGIN");
  absl::Status status = body(*db_, scope);
  if (status.ok()) status = StoreHead();
  if (status.ok()) status = Commit();
  if (status.ok()) {
    head_ = attempted_;
    for (const WriteScope::RaisedFence& fence : scope.raised())
      fences_.Raise(fence.scope.kind, fence.scope.id, fence.version);
    Publish();
    return status;
  }
  // A refusal by `body` is rolled back and nothing happened. After a failure of the session nothing that it knew is
  // trusted: it is closed, and the next write reads back what is true.
  if (ReasonOf(status) != v1::ERROR_REASON_LEDGER_UNAVAILABLE) {
    db_->Send("ROLLBACK");
    if (db_->Sync().ok()) return status;
  }
  // The server said itself that it undid the transaction; that it did is what a new session sees.
  *again = MayBeRetried(db_->sql_state());
  old_backend_ = db_->backend_pid();
  db_.reset();
  next_attempt_ = absl::InfinitePast();
  return status;
}

// A head that is not the one this process left there was moved by somebody else.
absl::Status PostgresWriter::StoreHead() {
  POSTERN_ASSIGN_OR_RETURN(const bool stored, StoreTreeHead(*db_, head_, &attempted_));
  POSTERN_RETURN_IF_ERROR(db_->Sync());
  if (stored) return absl::OkStatus();
  forked_ = true;
  return errors::LedgerUnavailable("append to the tree", "forked");
}

absl::Status PostgresWriter::Commit() {
  if (base::FailpointFails("commit.before_fsync")) return errors::LedgerUnavailable("commit", "failpoint");
  const absl::Time begin = absl::Now();
  db_->Send("COMMIT");
  POSTERN_RETURN_IF_ERROR(db_->Sync());
  if (on_sync_) on_sync_(absl::Now() - begin);
  // Durable, but nobody knows yet: what a crash or a lost reply leaves here is found again by request id.
  if (base::FailpointFails("commit.after")) return errors::LedgerUnavailable("commit", "failpoint");
  return absl::OkStatus();
}

void PostgresWriter::Publish() {
  fence_version_.store(fences_.newest(), std::memory_order_release);
  last_seq_.store(head_.last_seq, std::memory_order_release);
}

}  // namespace postern::storage
