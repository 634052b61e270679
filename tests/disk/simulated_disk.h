// A disk under SQLite that loses power and fails, as a VFS of this process. Files lie on the real file system, where
// everything is visible at once as it is in a page cache; what would survive a loss of power is kept beside it
// (disk_image.h).
//
//   SimulatedDisk disk(seed);
//   ... open stores, work ...
//   disk.CutPowerAt(17);                       // the 17th change of the disk from now fails, and all after it
//   ... close everything ...
//   disk.RestorePower();                       // the files now hold what survived
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace postern::testing {

// How an operation fails.
struct DiskFault {
  int code = SQLITE_IOERR;  // what the operation returns
  bool done = false;        // it was carried out all the same; otherwise a write is done by half
  bool lasting = false;     // every later change fails too, until Heal
  int every = 0;            // instead: every so many changes fail, until Heal
  std::string only;         // "write", "sync", "truncate" or "delete": no other change counts or fails
};

// The default VFS of the process while it lives; one at a time. Thread-safe.
class SimulatedDisk {
 public:
  // `seed` decides what survives.
  explicit SimulatedDisk(uint64_t seed);
  ~SimulatedDisk();
  SimulatedDisk(const SimulatedDisk&) = delete;
  SimulatedDisk& operator=(const SimulatedDisk&) = delete;

  // The `countdown`-th operation from now that changes the disk (write, sync, truncate, delete), from 1, fails.
  void FailAt(int countdown, const DiskFault& fault);
  void Heal();
  // Whether a fault has come since FailAt; Heal forgets it.
  bool fired() const;

  // At the `countdown`-th change power is lost, before it or right after it. `on_cut` is told where, from the thread
  // that runs into it, before any error is returned.
  void CutPowerAt(int countdown, std::function<void(const std::string& boundary)> on_cut = nullptr);
  // Power is lost now.
  void CutPower();
  bool off() const;
  // Writes what survived to the files and takes operations again. False, and nothing is done, while files are open.
  bool RestorePower();

  // Changes so far by kind: "ledger.db-wal:write".
  std::map<std::string, int64_t> Changes() const;

  class Device;  // what the file methods see

 private:
  const std::unique_ptr<Device> device_;
};

}  // namespace postern::testing
