#include "tests/disk/simulated_disk.h"

#include <unistd.h>

#include <fstream>
#include <new>
#include <optional>
#include <random>
#include <sstream>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "tests/disk/disk_image.h"

namespace postern::testing {
namespace {

constexpr char kName[] = "postern_simulated_disk";
constexpr int kJournals = SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL;

std::optional<std::string> ReadIfThere(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::string BaseName(absl::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

// Derived from the real file's memory: it lies directly behind this one, in what SQLite gives.
struct File {
  sqlite3_file base;
  SimulatedDisk::Device* device;
  std::string* path;
  std::shared_ptr<Inode>* inode;
  bool sync_makes_entry;  // the first sync of a journal that was opened to be made syncs its directory too
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  const sqlite3_io_methods* methods() { return real()->pMethods; }
};

File* Of(sqlite3_file* file) {
  return reinterpret_cast<File*>(file);
}

}  // namespace

// One lock over the image and the real file, so that what is durable follows from one order of operations.
class SimulatedDisk::Device {
 public:
  // How much of an operation is carried out, and what it returns.
  struct Verdict {
    enum class Extent { kWhole, kHalf, kNone } extent = Extent::kWhole;
    int code = SQLITE_OK;
  };

  explicit Device(uint64_t seed) : real(sqlite3_vfs_find(nullptr)), random(seed) {}

  // Counts one change and says what becomes of it.
  Verdict Next(const std::string& path, absl::string_view operation, int power_lost)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    if (off) return {Verdict::Extent::kNone, power_lost};
    const std::string boundary = absl::StrCat(BaseName(path), ":", operation);
    ++changes[boundary];
    if (until_cut > 0 && --until_cut == 0) {
      const bool after = (random() & 1) != 0;
      Cut(absl::StrCat(boundary, after ? ":after" : ":before"));
      return {after ? Verdict::Extent::kWhole : Verdict::Extent::kHalf, power_lost};
    }
    if (until_fault == 0 || (!fault.only.empty() && operation != fault.only)) return {};
    if (until_fault > 1) {
      --until_fault;
      return {};
    }
    fired = true;
    if (fault.every > 0) {
      until_fault = fault.every;
    } else if (!fault.lasting) {
      until_fault = 0;
    }
    return {fault.done ? Verdict::Extent::kWhole : Verdict::Extent::kHalf, fault.code};
  }

  void Cut(const std::string& boundary) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    off = true;
    until_cut = 0;
    if (on_cut) on_cut(boundary);
  }

  sqlite3_vfs* const real;
  sqlite3_vfs vfs{};

  absl::Mutex mutex;
  std::mt19937_64 random ABSL_GUARDED_BY(mutex);
  DiskImage image ABSL_GUARDED_BY(mutex);
  std::map<std::string, int64_t> changes ABSL_GUARDED_BY(mutex);
  int open_files ABSL_GUARDED_BY(mutex) = 0;
  int until_fault ABSL_GUARDED_BY(mutex) = 0;  // 0: healthy
  DiskFault fault ABSL_GUARDED_BY(mutex);
  bool fired ABSL_GUARDED_BY(mutex) = false;
  int until_cut ABSL_GUARDED_BY(mutex) = 0;  // 0: none is to come
  std::function<void(const std::string&)> on_cut ABSL_GUARDED_BY(mutex);
  bool off ABSL_GUARDED_BY(mutex) = false;
};

namespace {

using Device = SimulatedDisk::Device;
using Extent = Device::Verdict::Extent;

int Close(sqlite3_file* file) {
  File* self = Of(file);
  absl::MutexLock lock(&self->device->mutex);
  --self->device->open_files;
  delete self->path;
  delete self->inode;
  return self->methods()->xClose(self->real());
}

int Read(sqlite3_file* file, void* data, int size, sqlite3_int64 offset) {
  File* self = Of(file);
  absl::MutexLock lock(&self->device->mutex);
  if (self->device->off) return SQLITE_IOERR_READ;
  return self->methods()->xRead(self->real(), data, size, offset);
}

int Write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  File* self = Of(file);
  absl::MutexLock lock(&self->device->mutex);
  const Device::Verdict verdict = self->device->Next(*self->path, "write", SQLITE_IOERR_WRITE);
  if (verdict.extent == Extent::kNone) return verdict.code;
  const int part = verdict.extent == Extent::kWhole ? size : size / 2;
  (*self->inode)->Write(offset, absl::string_view(static_cast<const char*>(data), static_cast<size_t>(part)));
  const int code = self->methods()->xWrite(self->real(), data, part, offset);
  return verdict.code == SQLITE_OK ? code : verdict.code;
}

int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  File* self = Of(file);
  absl::MutexLock lock(&self->device->mutex);
  const Device::Verdict verdict = self->device->Next(*self->path, "truncate", SQLITE_IOERR_TRUNCATE);
  if (verdict.extent != Extent::kWhole) return verdict.code;
  (*self->inode)->Truncate(size);
  const int code = self->methods()->xTruncate(self->real(), size);
  return verdict.code == SQLITE_OK ? code : verdict.code;
}

int Sync(sqlite3_file* file, int) {
  File* self = Of(file);
  Device& device = *self->device;
  absl::MutexLock lock(&device.mutex);
  const Device::Verdict verdict = device.Next(*self->path, "sync", SQLITE_IOERR_FSYNC);
  if (verdict.extent == Extent::kWhole) {
    (*self->inode)->Sync();
    if (self->sync_makes_entry) device.image.SyncDirectoryOf(*self->path);
    self->sync_makes_entry = false;
  } else if (!device.off) {
    (*self->inode)->FailSync(device.random);
  }
  return verdict.code;
}

int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  return Of(file)->methods()->xFileSize(Of(file)->real(), size);
}
int Lock(sqlite3_file* file, int lock) {
  return Of(file)->methods()->xLock(Of(file)->real(), lock);
}
int Unlock(sqlite3_file* file, int lock) {
  return Of(file)->methods()->xUnlock(Of(file)->real(), lock);
}
int CheckReservedLock(sqlite3_file* file, int* result) {
  return Of(file)->methods()->xCheckReservedLock(Of(file)->real(), result);
}
int FileControl(sqlite3_file* file, int op, void* argument) {
  return Of(file)->methods()->xFileControl(Of(file)->real(), op, argument);
}
int SectorSize(sqlite3_file* file) {
  return Of(file)->methods()->xSectorSize(Of(file)->real());
}
int DeviceCharacteristics(sqlite3_file* file) {
  return Of(file)->methods()->xDeviceCharacteristics(Of(file)->real());
}
int ShmMap(sqlite3_file* file, int page, int size, int extend, void volatile** memory) {
  return Of(file)->methods()->xShmMap(Of(file)->real(), page, size, extend, memory);
}
int ShmLock(sqlite3_file* file, int offset, int count, int flags) {
  return Of(file)->methods()->xShmLock(Of(file)->real(), offset, count, flags);
}
void ShmBarrier(sqlite3_file* file) {
  Of(file)->methods()->xShmBarrier(Of(file)->real());
}
int ShmUnmap(sqlite3_file* file, int remove) {
  return Of(file)->methods()->xShmUnmap(Of(file)->real(), remove);
}

// Version 2: without xFetch, so that every read and write comes through here.
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
  auto* self = new (file) File{};
  Device& device = *static_cast<Device*>(vfs->pAppData);
  self->device = &device;
  absl::MutexLock lock(&device.mutex);
  if (device.off) return SQLITE_CANTOPEN;
  const std::string name = path == nullptr ? "" : path;
  const std::optional<std::string> found = ReadIfThere(name);
  const int code = device.real->xOpen(device.real, path, self->real(), flags, out_flags);
  if (self->real()->pMethods == nullptr) return code;
  ++device.open_files;
  self->base.pMethods = &kMethods;
  self->path = new std::string(name);
  // A temporary file has no name and nothing to survive.
  self->inode = new std::shared_ptr<Inode>(name.empty() ? std::make_shared<Inode>("") : device.image.Open(name, found));
  // As unixOpen does it: whoever may make the file makes its name durable, even if somebody else made it.
  self->sync_makes_entry = (flags & kJournals) != 0 && (flags & SQLITE_OPEN_CREATE) != 0;
  return code;
}

int Delete(sqlite3_vfs* vfs, const char* path, int sync_directory) {
  Device& device = *static_cast<Device*>(vfs->pAppData);
  absl::MutexLock lock(&device.mutex);
  const Device::Verdict verdict = device.Next(path, "delete", SQLITE_IOERR_DELETE);
  if (verdict.extent != Extent::kWhole) return verdict.code;
  const int code = device.real->xDelete(device.real, path, sync_directory);
  if (code == SQLITE_OK) {
    device.image.Delete(path);
    if (sync_directory != 0) device.image.SyncDirectoryOf(path);
  }
  return verdict.code == SQLITE_OK ? code : verdict.code;
}

}  // namespace

SimulatedDisk::SimulatedDisk(uint64_t seed) : device_(std::make_unique<Device>(seed)) {
  sqlite3_vfs& vfs = device_->vfs;
  vfs = *device_->real;
  vfs.zName = kName;
  vfs.szOsFile += static_cast<int>(sizeof(File));
  vfs.pAppData = device_.get();
  vfs.xOpen = Open;
  vfs.xDelete = Delete;
  sqlite3_vfs_register(&vfs, /*makeDflt=*/1);
}

SimulatedDisk::~SimulatedDisk() {
  sqlite3_vfs_unregister(&device_->vfs);
  sqlite3_vfs_register(device_->real, /*makeDflt=*/1);
}

void SimulatedDisk::FailAt(int countdown, const DiskFault& fault) {
  absl::MutexLock lock(&device_->mutex);
  device_->until_fault = countdown;
  device_->fault = fault;
  device_->fired = false;
}

void SimulatedDisk::Heal() {
  absl::MutexLock lock(&device_->mutex);
  device_->until_fault = 0;
  device_->fired = false;
}

bool SimulatedDisk::fired() const {
  absl::MutexLock lock(&device_->mutex);
  return device_->fired;
}

void SimulatedDisk::CutPowerAt(int countdown, std::function<void(const std::string&)> on_cut) {
  absl::MutexLock lock(&device_->mutex);
  device_->until_cut = countdown;
  device_->on_cut = std::move(on_cut);
}

void SimulatedDisk::CutPower() {
  absl::MutexLock lock(&device_->mutex);
  if (!device_->off) device_->Cut("at rest");
}

bool SimulatedDisk::off() const {
  absl::MutexLock lock(&device_->mutex);
  return device_->off;
}

bool SimulatedDisk::RestorePower() {
  absl::MutexLock lock(&device_->mutex);
  if (device_->open_files != 0) return false;
  for (const auto& [path, content] : device_->image.CutPower(device_->random)) {
    unlink(absl::StrCat(path, "-shm").c_str());
    if (!content) {
      unlink(path.c_str());
      continue;
    }
    std::ofstream(path, std::ios::binary | std::ios::trunc) << *content;
  }
  device_->off = false;
  device_->on_cut = nullptr;
  return true;
}

std::map<std::string, int64_t> SimulatedDisk::Changes() const {
  absl::MutexLock lock(&device_->mutex);
  return device_->changes;
}

}  // namespace postern::testing
