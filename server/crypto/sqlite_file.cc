#include "server/crypto/sqlite_file.h"

#include <utility>

#include "proto/errors/error.h"
#include "server/base/wal_rewrite.h"
#include "server/crypto/errors.h"

namespace postern::crypto {
namespace {

constexpr int kPageSize = 4096;

absl::Status Failed(absl::string_view operation, sqlite3* connection) {
  return errors::KeyStoreUnavailable(operation, sqlite3_extended_errcode(connection));
}

}  // namespace

absl::StatusOr<SqliteStatement> SqliteStatement::Prepare(sqlite3* connection, absl::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int result = sqlite3_prepare_v3(connection, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                        &raw, nullptr);
  if (result != SQLITE_OK) return Failed("prepare", connection);
  SqliteStatement statement;
  statement.statement_.reset(raw);
  return statement;
}

SqliteStatement& SqliteStatement::BindInt(int index, int64_t value) {
  if (const int result = sqlite3_bind_int64(statement_.get(), index, value); result != SQLITE_OK) bind_result_ = result;
  return *this;
}

SqliteStatement& SqliteStatement::BindBytes(int index, absl::string_view bytes) {
  const int result = sqlite3_bind_blob64(statement_.get(), index, bytes.data(), bytes.size(), SQLITE_STATIC);
  if (result != SQLITE_OK) bind_result_ = result;
  return *this;
}

absl::Status SqliteStatement::Run() {
  const absl::StatusOr<bool> row = Step();
  Reset();
  return row.status();
}

absl::StatusOr<bool> SqliteStatement::Step() {
  if (bind_result_ != SQLITE_OK) return errors::KeyStoreUnavailable("bind", std::exchange(bind_result_, SQLITE_OK));
  const int result = sqlite3_step(statement_.get());
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  return Failed("step", sqlite3_db_handle(statement_.get()));
}

// The result repeats that of the last step, which was reported then.
void SqliteStatement::Reset() {
  static_cast<void>(sqlite3_reset(statement_.get()));
}

int64_t SqliteStatement::Int(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

absl::string_view SqliteStatement::Bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return absl::string_view(static_cast<const char*>(data), static_cast<size_t>(size));
}

absl::StatusOr<SqliteFile> SqliteFile::Open(const std::string& path) {
  SqliteFile file;
  sqlite3* connection = nullptr;
  const int opened = sqlite3_open_v2(path.c_str(), &connection,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, nullptr);
  file.connection_.reset(connection);
  if (opened != SQLITE_OK) return errors::KeyStoreUnavailable("open", opened);
  file.log_size_ = std::make_unique<LogSize>();
  sqlite3_extended_result_codes(connection, 1);
  // Also replaces SQLite's own hook, which would checkpoint in the middle of a commit.
  sqlite3_wal_hook(
      connection,
      [](void* size, sqlite3*, const char*, int pages) {
        static_cast<LogSize*>(size)->pages = pages;
        return SQLITE_OK;
      },
      file.log_size_.get());

  // locking_mode comes first: with it the log's index stays on this process's heap and the first read takes the file
  // for good.
  const absl::Status prepared = file.Execute(
      "PRAGMA locking_mode = EXCLUSIVE;"
      "PRAGMA page_size = 4096;"
      "PRAGMA cache_size = -16384;"
      "PRAGMA journal_mode = WAL;"
      "PRAGMA synchronous = FULL;"
      "PRAGMA secure_delete = ON;"
      "PRAGMA temp_store = MEMORY;"
      "PRAGMA trusted_schema = OFF;"
      "BEGIN IMMEDIATE; COMMIT;");
  if (!prepared.ok()) {
    const int code = sqlite3_errcode(connection) & 0xff;
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED) return errors::KeyStoreInUse(path);
    if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT) return errors::KeyStoreLayoutUnknown(path);
    return prepared;
  }
  // Only now is the file this process's; nothing was appended yet.
  if (const int code = base::RewriteWal(path, nullptr); code != SQLITE_OK) {
    return errors::KeyStoreUnavailable("rewrite the log", code);
  }
  return file;
}

absl::Status SqliteFile::Execute(const char* sql) {
  if (sqlite3_exec(connection_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK)
    return Failed("execute", connection_.get());
  return absl::OkStatus();
}

absl::StatusOr<int64_t> SqliteFile::QueryInt(absl::string_view sql) {
  POSTERN_ASSIGN_OR_RETURN(SqliteStatement statement, Prepare(sql));
  POSTERN_ASSIGN_OR_RETURN(const bool row, statement.Step());
  return row ? statement.Int(0) : 0;
}

absl::Status SqliteFile::CheckpointAs(int mode) {
  if (sqlite3_wal_checkpoint_v2(connection_.get(), nullptr, mode, nullptr, nullptr) != SQLITE_OK) {
    return Failed("checkpoint", connection_.get());
  }
  log_size_->pages = 0;
  return absl::OkStatus();
}

int64_t SqliteFile::log_bytes() const {
  return int64_t{log_size_->pages} * kPageSize;
}

}  // namespace postern::crypto
