#include "server/storage/sqlite/reader_pool.h"

#include "proto/errors/error.h"

namespace postern::storage {
namespace {

constexpr int kCacheKib = 4 * 1024;

}  // namespace

absl::Status ReaderPool::Read(absl::FunctionRef<absl::Status(Connection&)> body) {
  POSTERN_ASSIGN_OR_RETURN(std::unique_ptr<SqliteConnection> db, Take());
  absl::Status status = db->Execute("BEGIN", "begin reading");
  if (status.ok()) status = body(*db);
  // A connection that cannot even end a reading transaction, or that met a bad disk, is closed; the next reader opens a
  // new one.
  const bool ended = db->Execute("COMMIT", "end reading").ok();
  if (!ended || ReasonOf(status) == v1::ERROR_REASON_LEDGER_UNAVAILABLE) db.reset();
  GiveBack(std::move(db));
  return status;
}

absl::StatusOr<std::unique_ptr<SqliteConnection>> ReaderPool::Take() {
  {
    absl::MutexLock lock(&mutex_);
    const auto can_take = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !idle_.empty() || open_ < limit_; };
    mutex_.Await(absl::Condition(&can_take));
    if (!idle_.empty()) {
      std::unique_ptr<SqliteConnection> connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
    ++open_;
  }
  auto connection = SqliteConnection::Open(path_, SqliteConnection::Mode::kReadOnly, vfs_, kCacheKib);
  if (!connection.ok()) GiveBack(nullptr);
  return connection;
}

void ReaderPool::GiveBack(std::unique_ptr<SqliteConnection> connection) {
  absl::MutexLock lock(&mutex_);
  if (connection == nullptr) {
    --open_;
  } else {
    idle_.push_back(std::move(connection));
  }
}

}  // namespace postern::storage
