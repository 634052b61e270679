#include "tests/unit/server/storage/faulty_vfs.h"

#include <new>

namespace postern::storage {
namespace {

// The system's file lies directly behind this one, in the memory that SQLite gives.
struct FaultyFile {
  sqlite3_file base;
  FaultyVfs* vfs;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

FaultyFile* Of(sqlite3_file* file) {
  return reinterpret_cast<FaultyFile*>(file);
}
sqlite3_file* Real(sqlite3_file* file) {
  return Of(file)->real();
}
const sqlite3_io_methods* Methods(sqlite3_file* file) {
  return Real(file)->pMethods;
}
sqlite3_vfs* RealVfs() {
  return sqlite3_vfs_find(nullptr);
}

// Does `operation`, or fails as the test wants it, before or after.
template <typename Operation, typename HalfWay>
int Change(sqlite3_file* file, Operation operation, HalfWay half_way) {
  FaultyVfs* vfs = Of(file)->vfs;
  const int code = vfs->Next();
  if (code == SQLITE_OK) return operation();
  if (vfs->done()) {
    operation();
  } else {
    half_way();
  }
  return code;
}

int Close(sqlite3_file* file) {
  return Methods(file)->xClose(Real(file));
}
int Read(sqlite3_file* file, void* data, int size, sqlite3_int64 offset) {
  return Methods(file)->xRead(Real(file), data, size, offset);
}
int Write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  return Change(
      file, [&] { return Methods(file)->xWrite(Real(file), data, size, offset); },
      [&] { Methods(file)->xWrite(Real(file), data, size / 2, offset); });
}
int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  return Change(
      file, [&] { return Methods(file)->xTruncate(Real(file), size); }, [] {});
}
int Sync(sqlite3_file* file, int flags) {
  return Change(
      file, [&] { return Methods(file)->xSync(Real(file), flags); }, [] {});
}
int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  return Methods(file)->xFileSize(Real(file), size);
}
int Lock(sqlite3_file* file, int lock) {
  return Methods(file)->xLock(Real(file), lock);
}
int Unlock(sqlite3_file* file, int lock) {
  return Methods(file)->xUnlock(Real(file), lock);
}
int CheckReservedLock(sqlite3_file* file, int* result) {
  return Methods(file)->xCheckReservedLock(Real(file), result);
}
int FileControl(sqlite3_file* file, int op, void* argument) {
  return Methods(file)->xFileControl(Real(file), op, argument);
}
int SectorSize(sqlite3_file* file) {
  return Methods(file)->xSectorSize(Real(file));
}
int DeviceCharacteristics(sqlite3_file* file) {
  return Methods(file)->xDeviceCharacteristics(Real(file));
}
int ShmMap(sqlite3_file* file, int page, int size, int extend, void volatile** memory) {
  return Methods(file)->xShmMap(Real(file), page, size, extend, memory);
}
int ShmLock(sqlite3_file* file, int offset, int count, int flags) {
  return Methods(file)->xShmLock(Real(file), offset, count, flags);
}
void ShmBarrier(sqlite3_file* file) {
  Methods(file)->xShmBarrier(Real(file));
}
int ShmUnmap(sqlite3_file* file, int remove) {
  return Methods(file)->xShmUnmap(Real(file), remove);
}

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

int Open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out_flags) {
  auto* faulty = new (file) FaultyFile{};
  faulty->vfs = static_cast<FaultyVfs*>(vfs->pAppData);
  const int code = RealVfs()->xOpen(RealVfs(), path, faulty->real(), flags, out_flags);
  faulty->base.pMethods = faulty->real()->pMethods == nullptr ? nullptr : &kMethods;
  return code;
}

}  // namespace

FaultyVfs::FaultyVfs() {
  vfs_ = *sqlite3_vfs_find(nullptr);
  vfs_.zName = name_.c_str();
  vfs_.szOsFile += static_cast<int>(sizeof(FaultyFile));
  vfs_.pAppData = this;
  vfs_.xOpen = Open;
  sqlite3_vfs_register(&vfs_, 0);
}

FaultyVfs::~FaultyVfs() {
  sqlite3_vfs_unregister(&vfs_);
}

void FaultyVfs::FailAt(int countdown, int code, bool done, bool lasting) {
  code_ = code;
  done_ = done;
  lasting_ = lasting;
  fired_ = false;
  remaining_ = countdown;
}

int FaultyVfs::Next() {
  int remaining = remaining_;
  while (remaining > 1 && !remaining_.compare_exchange_weak(remaining, remaining - 1)) {
  }
  if (remaining != 1) return SQLITE_OK;
  if (!lasting_ && !remaining_.compare_exchange_strong(remaining, 0)) return SQLITE_OK;
  fired_ = true;
  return code_;
}

}  // namespace postern::storage
