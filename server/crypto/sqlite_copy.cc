#include "server/crypto/sqlite_copy.h"

#include <sqlite3.h>

#include "proto/errors/error.h"
#include "server/crypto/errors.h"

namespace postern::crypto {

void SqliteCopy::Close::operator()(sqlite3* connection) const {
  sqlite3_close_v2(connection);
}

void SqliteCopy::Finish::operator()(sqlite3_backup* backup) const {
  sqlite3_backup_finish(backup);
}

absl::Status SqliteCopy::Start(SqliteFile& source, const std::string& target, std::optional<SqliteCopy>* out) {
  SqliteCopy& copy = out->emplace();
  sqlite3* connection = nullptr;
  const int opened = sqlite3_open_v2(target.c_str(), &connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  copy.target_.reset(connection);
  if (opened != SQLITE_OK) return errors::KeyStoreUnavailable("open a copy", opened);
  copy.backup_.reset(sqlite3_backup_init(connection, "main", source.connection(), "main"));
  if (copy.backup_ == nullptr) return errors::KeyStoreUnavailable("begin a copy", sqlite3_extended_errcode(connection));
  return absl::OkStatus();
}

absl::Status SqliteCopy::Step(int pages, bool* more) {
  const int result = sqlite3_backup_step(backup_.get(), pages);
  if (result != SQLITE_OK && result != SQLITE_DONE) return errors::KeyStoreUnavailable("copy", result);
  all_ = sqlite3_backup_pagecount(backup_.get());
  done_ = all_ - sqlite3_backup_remaining(backup_.get());
  *more = result == SQLITE_OK;
  if (*more) return absl::OkStatus();
  // The last step has synced the file.
  const int finished = sqlite3_backup_finish(backup_.release());
  return finished == SQLITE_OK ? absl::OkStatus() : errors::KeyStoreUnavailable("end a copy", finished);
}

}  // namespace postern::crypto
