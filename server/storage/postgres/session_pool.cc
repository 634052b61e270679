#include "server/storage/postgres/session_pool.h"

#include "proto/errors/error.h"

namespace postern::storage {
namespace {

constexpr char kBegin[] = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";

}  // namespace

absl::Status SessionPool::Read(absl::FunctionRef<absl::Status(PostgresConnection&)> body) {
  absl::StatusOr<std::unique_ptr<PostgresConnection>> session = Begin();
  if (!session.ok()) {
    GiveBack(nullptr);
    return session.status();
  }
  absl::Status status = body(**session);
  (*session)->Send("COMMIT");
  // A session that cannot even end a reading transaction is closed; the next reader opens a new one.
  if (const absl::Status ended = (*session)->Sync(); !ended.ok()) {
    if (status.ok()) status = ended;
    session->reset();
  }
  GiveBack(*std::move(session));
  return status;
}

absl::StatusOr<std::unique_ptr<PostgresConnection>> SessionPool::Begin() {
  std::unique_ptr<PostgresConnection> session = Take();
  while (session != nullptr) {
    session->Send(kBegin);
    if (session->Sync().ok()) return session;
    // After a restart of the server every idle one is dead.
    absl::MutexLock lock(&mutex_);
    session.reset();
    if (!idle_.empty()) {
      session = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  POSTERN_ASSIGN_OR_RETURN(session, PostgresConnection::Open(options_));
  session->Send(kBegin);
  POSTERN_RETURN_IF_ERROR(session->Sync());
  return session;
}

std::unique_ptr<PostgresConnection> SessionPool::Take() {
  absl::MutexLock lock(&mutex_);
  const auto can_take = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return taken_ < limit_; };
  mutex_.Await(absl::Condition(&can_take));
  ++taken_;
  if (idle_.empty()) return nullptr;
  std::unique_ptr<PostgresConnection> session = std::move(idle_.back());
  idle_.pop_back();
  return session;
}

void SessionPool::GiveBack(std::unique_ptr<PostgresConnection> session) {
  absl::MutexLock lock(&mutex_);
  --taken_;
  if (session != nullptr) idle_.push_back(std::move(session));
}

}  // namespace postern::storage
