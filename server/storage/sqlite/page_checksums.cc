#include "server/storage/sqlite/page_checksums.h"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <new>

#include "absl/strings/str_cat.h"
#include "server/storage/sqlite/wal_write_batch.h"

namespace postern::storage {
namespace {

constexpr int kPage = 4096;
constexpr int kChecksum = 8;
// SQLite reads the file's header by itself before it knows the size of a page.
constexpr int kSmallestPage = 512;

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "checksums are little-endian");

// Each step is a bijection of the state and, for a given state, of the word: no change of a single word can cancel out.
uint64_t Checksum(const char* page, sqlite3_int64 offset) {
  uint64_t state = 0x9e3779b97f4a7c15 ^ static_cast<uint64_t>(offset / kPage);
  for (int at = 0; at < kPage - kChecksum; at += 8) {
    uint64_t word;
    std::memcpy(&word, page + at, sizeof(word));
    state = (state ^ word) * 0xd6e8feb86659fd93;
    state ^= state >> 32;
  }
  return state;
}

// A page that SQLite passed over while the file grew.
bool IsHole(const char* page) {
  return std::all_of(page, page + kPage, [](char c) { return c == 0; });
}

// The file of the VFS below lies directly behind this one, in the memory that SQLite gives.
struct File {
  sqlite3_file base;
  bool database;
  WalWriteBatch* log;  // null for what is no write-ahead log
  sqlite3_file* below() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

File* Of(sqlite3_file* file) {
  return reinterpret_cast<File*>(file);
}
sqlite3_file* Below(sqlite3_file* file) {
  return Of(file)->below();
}
const sqlite3_io_methods& Methods(sqlite3_file* file) {
  return *Below(file)->pMethods;
}

// Before anything but a write is done with the file.
int FlushLog(sqlite3_file* file) {
  return Of(file)->log == nullptr ? SQLITE_OK : Of(file)->log->Flush(Below(file));
}

bool IsPage(int size, sqlite3_int64 offset) {
  return size == kPage && offset % kPage == 0;
}

int Read(sqlite3_file* file, void* data, int size, sqlite3_int64 offset) {
  if (const int code = FlushLog(file); code != SQLITE_OK) return code;
  const int code = Methods(file).xRead(Below(file), data, size, offset);
  if (code != SQLITE_OK || !Of(file)->database || size < kSmallestPage) return code;
  if (!IsPage(size, offset)) return SQLITE_IOERR_DATA;  // the header lies about the size of a page
  const char* const page = static_cast<const char*>(data);
  uint64_t stored;
  std::memcpy(&stored, page + kPage - kChecksum, sizeof(stored));
  return stored == Checksum(page, offset) || IsHole(page) ? SQLITE_OK : SQLITE_IOERR_DATA;
}

int Write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  if (Of(file)->log != nullptr) return Of(file)->log->Write(Below(file), data, size, offset);
  if (!Of(file)->database || !IsPage(size, offset)) return Methods(file).xWrite(Below(file), data, size, offset);
  std::array<char, kPage> page;
  std::memcpy(page.data(), data, kPage - kChecksum);
  const uint64_t checksum = Checksum(page.data(), offset);
  std::memcpy(page.data() + kPage - kChecksum, &checksum, sizeof(checksum));
  return Methods(file).xWrite(Below(file), page.data(), size, offset);
}

int Close(sqlite3_file* file) {
  delete Of(file)->log;
  return Methods(file).xClose(Below(file));
}
int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  if (const int code = FlushLog(file); code != SQLITE_OK) return code;
  return Methods(file).xTruncate(Below(file), size);
}
int Sync(sqlite3_file* file, int flags) {
  if (const int code = FlushLog(file); code != SQLITE_OK) return code;
  return Methods(file).xSync(Below(file), flags);
}
int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  if (const int code = FlushLog(file); code != SQLITE_OK) return code;
  return Methods(file).xFileSize(Below(file), size);
}
int Lock(sqlite3_file* file, int lock) {
  return Methods(file).xLock(Below(file), lock);
}
int Unlock(sqlite3_file* file, int lock) {
  return Methods(file).xUnlock(Below(file), lock);
}
int CheckReservedLock(sqlite3_file* file, int* result) {
  return Methods(file).xCheckReservedLock(Below(file), result);
}
int FileControl(sqlite3_file* file, int op, void* argument) {
  return Methods(file).xFileControl(Below(file), op, argument);
}
int SectorSize(sqlite3_file* file) {
  return Methods(file).xSectorSize(Below(file));
}
int DeviceCharacteristics(sqlite3_file* file) {
  return Methods(file).xDeviceCharacteristics(Below(file));
}
int ShmMap(sqlite3_file* file, int page, int size, int extend, void volatile** memory) {
  return Methods(file).xShmMap(Below(file), page, size, extend, memory);
}
int ShmLock(sqlite3_file* file, int offset, int count, int flags) {
  return Methods(file).xShmLock(Below(file), offset, count, flags);
}
void ShmBarrier(sqlite3_file* file) {
  Methods(file).xShmBarrier(Below(file));
}
int ShmUnmap(sqlite3_file* file, int remove) {
  return Methods(file).xShmUnmap(Below(file), remove);
}

// Version 2: without memory mapping, which would pass by the checks.
constexpr sqlite3_io_methods kMethods = {2,
                                         Close,
                                         Read,
                                         Write,
                                         Truncate,
                                         Sync,
                                         FileSize,
                                         Lock,
                                         Unlock,
                                         CheckReservedLock,
                                         FileControl,
                                         SectorSize,
                                         DeviceCharacteristics,
                                         ShmMap,
                                         ShmLock,
                                         ShmBarrier,
                                         ShmUnmap,
                                         nullptr,
                                         nullptr};

}  // namespace

class PageChecksums::Vfs {
 public:
  explicit Vfs(const std::string& base)
      : base_(sqlite3_vfs_find(base.empty() ? nullptr : base.c_str())),
        name_(absl::StrCat("postern-pages-", absl::Hex(reinterpret_cast<uintptr_t>(this)))) {
    vfs_.iVersion = 2;
    vfs_.szOsFile = base_->szOsFile + static_cast<int>(sizeof(File));
    vfs_.mxPathname = base_->mxPathname;
    vfs_.zName = name_.c_str();
    vfs_.pAppData = this;
    vfs_.xOpen = Open;
    // The VFS below finds its own data behind the pointer that it is given, so none of its functions is taken as it is.
    vfs_.xDelete = [](sqlite3_vfs* vfs, const char* path, int sync) {
      return BaseOf(vfs)->xDelete(BaseOf(vfs), path, sync);
    };
    vfs_.xAccess = [](sqlite3_vfs* vfs, const char* path, int flags, int* result) {
      return BaseOf(vfs)->xAccess(BaseOf(vfs), path, flags, result);
    };
    vfs_.xFullPathname = [](sqlite3_vfs* vfs, const char* path, int size, char* out) {
      return BaseOf(vfs)->xFullPathname(BaseOf(vfs), path, size, out);
    };
    vfs_.xRandomness = [](sqlite3_vfs* vfs, int size, char* out) {
      return BaseOf(vfs)->xRandomness(BaseOf(vfs), size, out);
    };
    vfs_.xSleep = [](sqlite3_vfs* vfs, int micros) { return BaseOf(vfs)->xSleep(BaseOf(vfs), micros); };
    vfs_.xCurrentTime = [](sqlite3_vfs* vfs, double* time) { return BaseOf(vfs)->xCurrentTime(BaseOf(vfs), time); };
    vfs_.xGetLastError = [](sqlite3_vfs* vfs, int size, char* out) {
      return BaseOf(vfs)->xGetLastError(BaseOf(vfs), size, out);
    };
    vfs_.xCurrentTimeInt64 = [](sqlite3_vfs* vfs, sqlite3_int64* time) {
      return BaseOf(vfs)->xCurrentTimeInt64(BaseOf(vfs), time);
    };
    sqlite3_vfs_register(&vfs_, /*makeDflt=*/0);
  }
  ~Vfs() { sqlite3_vfs_unregister(&vfs_); }
  Vfs(const Vfs&) = delete;
  Vfs& operator=(const Vfs&) = delete;

  const std::string& name() const { return name_; }

 private:
  static sqlite3_vfs* BaseOf(sqlite3_vfs* vfs) { return static_cast<Vfs*>(vfs->pAppData)->base_; }

  static int Open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out_flags) {
    auto* self = new (file) File{};
    self->database = (flags & SQLITE_OPEN_MAIN_DB) != 0;
    const int code = BaseOf(vfs)->xOpen(BaseOf(vfs), path, self->below(), flags, out_flags);
    if (self->below()->pMethods == nullptr) return code;
    // From here on SQLite closes the file, whatever the code.
    self->base.pMethods = &kMethods;
    if ((flags & SQLITE_OPEN_WAL) != 0) self->log = new WalWriteBatch;
    return code;
  }

  sqlite3_vfs* const base_;
  const std::string name_;
  sqlite3_vfs vfs_{};
};

PageChecksums::PageChecksums(const std::string& base) : vfs_(std::make_unique<Vfs>(base)) {}

PageChecksums::~PageChecksums() = default;

const std::string& PageChecksums::name() const {
  return vfs_->name();
}

void PageChecksums::Reserve(sqlite3* connection) {
  int bytes = kChecksum;
  // Without effect on a database that has pages; those have the space already.
  static_cast<void>(sqlite3_file_control(connection, "main", SQLITE_FCNTL_RESERVE_BYTES, &bytes));
}

}  // namespace postern::storage
