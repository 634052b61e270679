// A copy of an open database, made in steps.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "server/crypto/sqlite_file.h"

struct sqlite3_backup;

namespace postern::crypto {

// SQLite's online backup (sqlite.org/backup.html): what the source's own connection writes between two steps is written
// to the copy as well, so that it is the source as it is at the last step. Not thread-safe; borrows the source.
class SqliteCopy {
 public:
  // `target` is an empty file. LEDGER_UNAVAILABLE if the disk fails.
  static absl::Status Start(SqliteFile& source, const std::string& target, std::optional<SqliteCopy>* out);

  // Copies so many pages. `more` is false when the copy is complete and on disk.
  absl::Status Step(int pages, bool* more);
  // Pages that are copied, and that there are.
  int64_t done() const { return done_; }
  int64_t all() const { return all_; }

 private:
  struct Close {
    void operator()(sqlite3* connection) const;
  };
  struct Finish {
    void operator()(sqlite3_backup* backup) const;
  };
  std::unique_ptr<sqlite3, Close> target_;
  std::unique_ptr<sqlite3_backup, Finish> backup_;  // goes before its target
  int64_t done_ = 0;
  int64_t all_ = 0;
};

}  // namespace postern::crypto
