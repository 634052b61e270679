#include "server/storage/sqlite/connection.h"

#include "absl/strings/str_cat.h"
#include "server/storage/errors.h"
#include "server/storage/sqlite/page_checksums.h"

namespace postern::storage {
namespace {

constexpr int kBusyTimeoutMillis = 5000;

// Enough of a statement to recognise it; literals only, so nothing of a row can be in it.
std::string Name(const char* sql) {
  return std::string(absl::string_view(sql).substr(0, 48));
}

class SqliteStatement final : public Statement {
 public:
  SqliteStatement(sqlite3* db, const char* sql) : db_(db), sql_(sql) {}
  ~SqliteStatement() override { sqlite3_finalize(statement_); }

  void Begin(Rows) override {
    next_parameter_ = 1;
    code_ = statement_ != nullptr ? SQLITE_OK
                                  : sqlite3_prepare_v3(db_, sql_, -1, SQLITE_PREPARE_PERSISTENT, &statement_, nullptr);
  }

  void Bind(int64_t value) override {
    if (code_ == SQLITE_OK) code_ = sqlite3_bind_int64(statement_, next_parameter_++, value);
  }

  void BindBytes(absl::string_view bytes) override {
    if (code_ != SQLITE_OK) return;
    // SQLite takes a null pointer for NULL, and an empty view may hold one.
    code_ = bytes.empty() ? sqlite3_bind_zeroblob(statement_, next_parameter_, 0)
                          : sqlite3_bind_blob64(statement_, next_parameter_, bytes.data(), bytes.size(), SQLITE_STATIC);
    ++next_parameter_;
  }

  void BindText(absl::string_view text) override {
    if (code_ != SQLITE_OK) return;
    code_ = sqlite3_bind_text64(statement_, next_parameter_++, text.empty() ? "" : text.data(), text.size(),
                                SQLITE_STATIC, SQLITE_UTF8);
  }

  void BindNull() override {
    if (code_ == SQLITE_OK) code_ = sqlite3_bind_null(statement_, next_parameter_++);
  }

  bool Next() override {
    if (code_ != SQLITE_OK) return false;
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    if (code != SQLITE_DONE) code_ = code;
    return false;
  }

  void Run() override {
    while (Next()) {
    }
  }

  void End() override {
    if (statement_ == nullptr) return;
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }

  absl::Status status() const override {
    return code_ == SQLITE_OK ? absl::OkStatus() : errors::SqliteFailed(Name(sql_), code_);
  }

  int64_t Int(int column) const override { return sqlite3_column_int64(statement_, column); }
  absl::string_view Bytes(int column) const override {
    const char* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
    return absl::string_view(data, static_cast<size_t>(sqlite3_column_bytes(statement_, column)));
  }
  bool IsNull(int column) const override { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

 private:
  sqlite3* const db_;
  const char* const sql_;
  sqlite3_stmt* statement_ = nullptr;
  int next_parameter_ = 1;
  int code_ = SQLITE_OK;
};

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteConnection>> SqliteConnection::Open(const std::string& path, Mode mode,
                                                                         const std::string& vfs, int cache_kib) {
  const int access = mode == Mode::kReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE,
                                   vfs.empty() ? nullptr : vfs.c_str());
  if (code != SQLITE_OK) {
    sqlite3_close(handle);
    return errors::SqliteFailed("open", code);
  }
  auto connection = std::unique_ptr<SqliteConnection>(new SqliteConnection(handle));
  sqlite3_extended_result_codes(handle, 1);
  if (mode == Mode::kReadWrite) PageChecksums::Reserve(handle);
  sqlite3_busy_timeout(handle, kBusyTimeoutMillis);
  sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  const std::string cache = absl::StrCat("PRAGMA cache_size = -", cache_kib, "; PRAGMA temp_store = MEMORY;");
  if (absl::Status status = connection->Execute(cache.c_str(), "set up a connection"); !status.ok()) return status;
  return connection;
}

SqliteConnection::~SqliteConnection() {
  statements_.clear();
  sqlite3_close(handle_);
}

void SqliteConnection::WaitForLocks(bool wait) {
  sqlite3_busy_timeout(handle_, wait ? kBusyTimeoutMillis : 0);
}

absl::Status SqliteConnection::Execute(const char* sql, absl::string_view what) {
  const int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : errors::SqliteFailed(what, sqlite3_extended_errcode(handle_));
}

Statement* SqliteConnection::Prepare(const char* sql) {
  std::unique_ptr<Statement>& statement = statements_[sql];
  if (statement == nullptr) statement = std::make_unique<SqliteStatement>(handle_, sql);
  return statement.get();
}

}  // namespace postern::storage
