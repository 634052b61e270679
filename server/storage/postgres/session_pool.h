// Sessions for reading, opened as they are needed. They neither block the writer nor wait for it.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/storage/postgres/connection.h"

namespace postern::storage {

// Thread-safe.
class SessionPool {
 public:
  // At most `limit` sessions; further readers wait.
  SessionPool(SessionOptions options, int limit) : options_(std::move(options)), limit_(limit) {}

  // Runs `body` on one consistent state of the database and returns its status. A session that the server has ended in
  // the meantime is replaced first.
  absl::Status Read(absl::FunctionRef<absl::Status(PostgresConnection&)> body);

 private:
  absl::StatusOr<std::unique_ptr<PostgresConnection>> Begin();
  // Null: none is idle, and one more may be opened.
  std::unique_ptr<PostgresConnection> Take();
  void GiveBack(std::unique_ptr<PostgresConnection> session);

  const SessionOptions options_;
  const int limit_;

  absl::Mutex mutex_;
  std::vector<std::unique_ptr<PostgresConnection>> idle_ ABSL_GUARDED_BY(mutex_);
  int taken_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace postern::storage
