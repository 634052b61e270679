#include "server/storage/sqlite/wal_write_batch.h"

#include <algorithm>

namespace postern::storage {
namespace {

constexpr int kHeader = 24;
constexpr int kPage = 4096;
constexpr int kCommitAt = 4;
constexpr int kCommitSize = 4;
// SQLite's own VFS writes less than 128 KiB at once.
constexpr size_t kMost = 31 * (kHeader + kPage);

bool EndsACommit(const char* header) {
  return std::any_of(header + kCommitAt, header + kCommitAt + kCommitSize, [](char c) { return c != 0; });
}

}  // namespace

int WalWriteBatch::Write(sqlite3_file* log, const void* data, int size, sqlite3_int64 offset) {
  const char* const bytes = static_cast<const char*>(data);
  const bool header = size == kHeader;
  const bool page = size == kPage;
  if (header) ends_a_commit_ = EndsACommit(bytes);
  if ((header || page) && offset == end_) return Continue(log, bytes, size);
  // The log begins anew, or SQLite mends a frame that is in the file.
  if (const int code = Flush(log); code != SQLITE_OK) return code;
  const int code = log->pMethods->xWrite(log, data, size, offset);
  // Behind a page that is mended nothing is appended: what comes there mends the next frame.
  end_ = code == SQLITE_OK && !page ? offset + size : -1;
  return code;
}

int WalWriteBatch::Continue(sqlite3_file* log, const char* data, int size) {
  if (waiting_.size() + static_cast<size_t>(size) > kMost) {
    if (const int code = Flush(log); code != SQLITE_OK) return code;
  }
  waiting_.append(data, static_cast<size_t>(size));
  end_ += size;
  return size == kPage && ends_a_commit_ ? Flush(log) : SQLITE_OK;
}

int WalWriteBatch::Flush(sqlite3_file* log) {
  if (waiting_.empty()) return SQLITE_OK;
  const auto size = static_cast<int>(waiting_.size());
  const int code = log->pMethods->xWrite(log, waiting_.data(), size, end_ - size);
  waiting_.clear();
  if (code != SQLITE_OK) end_ = -1;
  return code;
}

}  // namespace postern::storage
