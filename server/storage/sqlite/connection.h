// One SQLite connection and its queries. Not thread-safe: whoever owns a connection guards it.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace postern::storage {

class Connection {
 public:
  enum class Mode { kReadOnly, kReadWrite };

  // `path` is an existing file; an empty one is an empty database. `cache_kib` bounds the page cache.
  // LEDGER_UNAVAILABLE.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& path, Mode mode, const std::string& vfs,
                                                          int cache_kib);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Runs one or more statements that give no rows. `what` is for the error.
  absl::Status Execute(const char* sql, absl::string_view what);
  // Whether statements that meet a lock wait for it, which is how a connection is opened, or fail at once.
  void WaitForLocks(bool wait);
  // Rows changed by the last statement.
  int64_t changes() const { return sqlite3_changes64(handle_); }
  sqlite3* handle() const { return handle_; }

 private:
  friend class Query;
  explicit Connection(sqlite3* handle) : handle_(handle) {}

  // The prepared form of `sql`, which must be a literal: it is found again by its address.
  int Prepare(const char* sql, sqlite3_stmt** statement);

  sqlite3* const handle_;
  absl::flat_hash_map<const void*, sqlite3_stmt*> statements_;
};

// One run of a prepared statement. Parameters are bound in order; bytes are borrowed until the query is destroyed. The
// first failure sticks: later calls do nothing and status() tells.
//
//   Query query(db, "SELECT seq FROM disclosure WHERE partner = ?");
//   query.Bind(partner);
//   while (query.Next()) use(query.Int(0));
//   POSTERN_RETURN_IF_ERROR(query.status());
class Query {
 public:
  // `sql` is a string literal. No two queries of one literal may live at once on one connection.
  Query(Connection& db, const char* sql);
  ~Query();
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  Query& Bind(int64_t value);
  Query& Bind(absl::string_view bytes);     // BLOB
  Query& BindText(absl::string_view text);  // TEXT
  Query& BindNull();

  // True if there is a row to read.
  bool Next();
  // Runs to the end; for statements whose rows do not matter.
  absl::Status Run();
  absl::Status status() const;

  // Columns of the current row, from 0. Views are valid until the next call of Next.
  int64_t Int(int column) const { return sqlite3_column_int64(statement_, column); }
  absl::string_view Bytes(int column) const;
  std::string String(int column) const { return std::string(Bytes(column)); }
  bool IsNull(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

 private:
  const char* const sql_;
  sqlite3_stmt* statement_ = nullptr;
  int next_parameter_ = 1;
  int code_ = SQLITE_OK;
};

}  // namespace postern::storage
