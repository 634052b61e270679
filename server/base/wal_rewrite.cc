#include "server/base/wal_rewrite.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

namespace postern::base {
namespace {

// SQLite's own VFS writes no more than 128 KiB at once.
constexpr int64_t kChunk = int64_t{64} << 10;

// An open file of a VFS, closed at the end.
class VfsFile {
 public:
  explicit VfsFile(const sqlite3_vfs& vfs) : memory_(new char[static_cast<size_t>(vfs.szOsFile)]()) {}
  ~VfsFile() {
    if (get()->pMethods != nullptr) get()->pMethods->xClose(get());
  }
  VfsFile(const VfsFile&) = delete;
  VfsFile& operator=(const VfsFile&) = delete;

  sqlite3_file* get() { return reinterpret_cast<sqlite3_file*>(memory_.get()); }
  const sqlite3_io_methods& methods() { return *get()->pMethods; }

 private:
  const std::unique_ptr<char[]> memory_;
};

int RewriteFile(VfsFile& file) {
  sqlite3_int64 size = 0;
  int code = file.methods().xFileSize(file.get(), &size);
  std::vector<char> chunk(static_cast<size_t>(std::min<int64_t>(size, kChunk)));
  for (sqlite3_int64 offset = 0; code == SQLITE_OK && offset < size; offset += kChunk) {
    const int part = static_cast<int>(std::min<int64_t>(size - offset, kChunk));
    code = file.methods().xRead(file.get(), chunk.data(), part, offset);
    if (code == SQLITE_OK) code = file.methods().xWrite(file.get(), chunk.data(), part, offset);
  }
  if (code != SQLITE_OK || size == 0) return code;
  return file.methods().xSync(file.get(), SQLITE_SYNC_NORMAL);
}

}  // namespace

int RewriteWal(const std::string& path, const char* vfs_name) {
  sqlite3_vfs* const vfs = sqlite3_vfs_find(vfs_name);
  if (vfs == nullptr) return SQLITE_ERROR;
  const std::string wal = path + "-wal";
  int exists = 0;
  if (const int code = vfs->xAccess(vfs, wal.c_str(), SQLITE_ACCESS_EXISTS, &exists); code != SQLITE_OK) return code;
  if (exists == 0) return SQLITE_OK;
  // A VFS may look for more behind the name than the name; this makes it such.
  const char* const name = sqlite3_create_filename(path.c_str(), "", wal.c_str(), 0, nullptr);
  if (name == nullptr) return SQLITE_NOMEM;
  int code = SQLITE_OK;
  {
    VfsFile file(*vfs);
    code = vfs->xOpen(vfs, sqlite3_filename_wal(name), file.get(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_WAL, nullptr);
    if (code == SQLITE_OK) code = RewriteFile(file);
  }
  sqlite3_free_filename(name);
  return code;
}

}  // namespace postern::base
