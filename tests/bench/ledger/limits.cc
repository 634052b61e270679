#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "tests/bench/ledger/traffic.h"

namespace postern::bench {
namespace {

constexpr int kCheckpointPages = 8192;  // as the store's default

class RawAppendLimit : public Limit {
 public:
  explicit RawAppendLimit(const std::string& file) : fd_(open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600)) {}
  ~RawAppendLimit() override { close(fd_); }

  void Write(size_t rows) override {
    const std::string bytes(rows * kPayloadBytes, 'r');
    if (write(fd_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()) || fdatasync(fd_) != 0) {
      std::perror("append");
      std::exit(1);
    }
  }

 private:
  const int fd_;
};

class PlainSqliteLimit : public Limit {
 public:
  explicit PlainSqliteLimit(const std::string& file) {
    Check(sqlite3_open(file.c_str(), &db_));
    Check(sqlite3_exec(db_,
                       "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
                       "CREATE TABLE t(seq INTEGER PRIMARY KEY, row BLOB)",
                       nullptr, nullptr, nullptr));
    Check(sqlite3_prepare_v2(db_, "INSERT INTO t(row) VALUES(?)", -1, &insert_, nullptr));
    row_.assign(kPayloadBytes, 'r');
    sqlite3_bind_blob(insert_, 1, row_.data(), static_cast<int>(row_.size()), SQLITE_STATIC);
    sqlite3_wal_hook(
        db_,
        [](void* self, sqlite3*, const char*, int pages) {
          static_cast<PlainSqliteLimit*>(self)->pages_ = pages;
          return SQLITE_OK;
        },
        this);
  }
  ~PlainSqliteLimit() override {
    sqlite3_finalize(insert_);
    sqlite3_close(db_);
  }

  void Write(size_t rows) override {
    Check(sqlite3_exec(db_, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr));
    for (size_t i = 0; i < rows; ++i) {
      if (sqlite3_step(insert_) != SQLITE_DONE) Check(SQLITE_ERROR);
      sqlite3_reset(insert_);
    }
    Check(sqlite3_exec(db_, "COMMIT", nullptr, nullptr, nullptr));
    if (pages_ < kCheckpointPages) return;
    Check(sqlite3_wal_checkpoint_v2(db_, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr));
    pages_ = 0;
  }

 private:
  static void Check(int code) {
    if (code == SQLITE_OK) return;
    std::fprintf(stderr, "sqlite: %s\n", sqlite3_errstr(code));
    std::exit(1);
  }
  sqlite3* db_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  std::string row_;
  int pages_ = 0;
};

}  // namespace

std::unique_ptr<Limit> RawAppend(const std::string& file) {
  return std::make_unique<RawAppendLimit>(file);
}
std::unique_ptr<Limit> PlainSqlite(const std::string& file) {
  return std::make_unique<PlainSqliteLimit>(file);
}

}  // namespace postern::bench
