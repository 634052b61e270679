// Read-only connections to one database file, opened as they are needed. In WAL mode they neither block the writer nor
// wait for it.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "server/storage/sqlite/connection.h"

namespace postern::storage {

// Thread-safe.
class ReaderPool {
 public:
  // At most `limit` connections; further readers wait.
  ReaderPool(std::string path, std::string vfs, int limit)
      : path_(std::move(path)), vfs_(std::move(vfs)), limit_(limit) {}

  // Runs `body` on one consistent state of the database and returns its status.
  absl::Status Read(absl::FunctionRef<absl::Status(Connection&)> body);

 private:
  absl::StatusOr<std::unique_ptr<SqliteConnection>> Take();
  void GiveBack(std::unique_ptr<SqliteConnection> connection);

  const std::string path_;
  const std::string vfs_;
  const int limit_;

  absl::Mutex mutex_;
  std::vector<std::unique_ptr<SqliteConnection>> idle_ ABSL_GUARDED_BY(mutex_);
  int open_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace postern::storage
