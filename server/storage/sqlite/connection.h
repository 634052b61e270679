// One SQLite connection. Not thread-safe: whoever owns a connection guards it.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/storage/sql/connection.h"

namespace postern::storage {

class SqliteConnection final : public Connection {
 public:
  enum class Mode { kReadOnly, kReadWrite };

  // `path` is an existing file; an empty one is an empty database. `cache_kib` bounds the page cache.
  // LEDGER_UNAVAILABLE.
  static absl::StatusOr<std::unique_ptr<SqliteConnection>> Open(const std::string& path, Mode mode,
                                                                const std::string& vfs, int cache_kib);
  ~SqliteConnection() override;
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  absl::Status Execute(const char* sql, absl::string_view what) override;
  // Whether statements that meet a lock wait for it, which is how a connection is opened, or fail at once.
  void WaitForLocks(bool wait);
  int64_t changes() override { return sqlite3_changes64(handle_); }
  sqlite3* handle() const { return handle_; }

 private:
  explicit SqliteConnection(sqlite3* handle) : handle_(handle) {}
  Statement* Prepare(const char* sql) override;

  sqlite3* const handle_;
  absl::flat_hash_map<const void*, std::unique_ptr<Statement>> statements_;
};

}  // namespace postern::storage
