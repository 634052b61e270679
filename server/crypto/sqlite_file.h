// The few calls of SQLite that the key store needs, with owning handles and one way of failing.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace postern::crypto {

// A prepared statement, used again and again. Not thread-safe. Bound bytes are borrowed until Reset.
class SqliteStatement {
 public:
  SqliteStatement() = default;
  // The connection must outlive the statement.
  static absl::StatusOr<SqliteStatement> Prepare(sqlite3* connection, absl::string_view sql);

  SqliteStatement& BindInt(int index, int64_t value);
  SqliteStatement& BindBytes(int index, absl::string_view bytes);

  // Runs a statement that gives no row, and resets it.
  absl::Status Run();
  // True if there is a row to read. The statement holds its read lock until Reset or until this returns false.
  absl::StatusOr<bool> Step();
  void Reset();

  // Columns of the current row; the view is valid until the next Step or Reset.
  int64_t Int(int column) const;
  absl::string_view Bytes(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int bind_result_ = SQLITE_OK;
};

// One exclusive connection in WAL mode with synchronous=FULL and secure_delete; it alone writes and checkpoints. Not
// thread-safe.
class SqliteFile {
 public:
  // `path` exists already (an empty file is an empty database). FAILED_PRECONDITION if another process has it open or
  // it is no database.
  static absl::StatusOr<SqliteFile> Open(const std::string& path);

  absl::Status Execute(const char* sql);
  absl::StatusOr<SqliteStatement> Prepare(absl::string_view sql) {
    return SqliteStatement::Prepare(connection_.get(), sql);
  }
  absl::StatusOr<int64_t> QueryInt(absl::string_view sql);
  sqlite3* connection() const { return connection_.get(); }
  // The row id that the last INSERT gave.
  int64_t last_insert_id() const { return sqlite3_last_insert_rowid(connection_.get()); }
  // Copies every page of the log into the file; the log is then overwritten from its start and keeps its length, so
  // that commits need not sync a growing file.
  absl::Status Checkpoint() { return CheckpointAs(SQLITE_CHECKPOINT_PASSIVE); }
  // The same, and cuts the log to nothing: no older copy of a page is left.
  absl::Status CheckpointAndTruncate() { return CheckpointAs(SQLITE_CHECKPOINT_TRUNCATE); }
  // Bytes in the log since the last complete checkpoint, rounded down to pages.
  int64_t log_bytes() const;

 private:
  absl::Status CheckpointAs(int mode);

  struct Close {
    void operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }
  };
  struct LogSize {
    int pages = 0;
  };
  std::unique_ptr<sqlite3, Close> connection_;
  // On the heap, because SQLite keeps a pointer to it.
  std::unique_ptr<LogSize> log_size_;
};

}  // namespace postern::crypto
