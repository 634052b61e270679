// What the test and the gateway that it kills share: a block of memory in a file. The gateway's side
// (boundary_preload.cc) counts every call that writes, syncs, renames, deletes or sends, by what it concerns:
// "ledger.db-wal:pwrite", "checkpoint:rename", "partners:send". The test's side arms one of them.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace postern::testing {

inline constexpr char kControlVariable[] = "POSTERN_CRASH_CONTROL";  // path of the file
inline constexpr char kRootVariable[] = "POSTERN_CRASH_ROOT";        // only files below it count

// All zero at first. Made of lock-free atomics alone: both sides use it at once.
struct BoundaryControl {
  static constexpr int kMaxBoundaries = 96;
  static constexpr int kMaxPorts = 8;
  using Name = std::array<char, 48>;

  struct Boundary {
    Name name;
    std::atomic<int64_t> hits;
  };
  struct Port {
    std::atomic<int> port;
    Name name;
  };

  std::atomic<int> lock;        // held while a boundary is added
  std::atomic<int> boundaries;  // that many are filled in
  std::array<Boundary, kMaxBoundaries> boundary;
  std::array<Port, kMaxPorts> ports;  // listeners, so that sends have names

  // Kills the process at the `countdown`-th time that `target` is reached from now; 0: never.
  Name target;
  std::atomic<bool> after;  // not before the call, but right after it
  std::atomic<int> countdown;
};
static_assert(std::atomic<int64_t>::is_always_lock_free);

}  // namespace postern::testing
