// A SQLite VFS on top of the system's one, whose disk can be made to fail.
#pragma once

#include <sqlite3.h>

#include <atomic>
#include <string>

namespace postern::storage {

// Registered under its name while it lives; one at a time. Thread-safe.
class FaultyVfs {
 public:
  FaultyVfs();
  ~FaultyVfs();
  FaultyVfs(const FaultyVfs&) = delete;
  FaultyVfs& operator=(const FaultyVfs&) = delete;

  const std::string& name() const { return name_; }

  // The `countdown`-th operation that changes the disk (write, sync, truncate), from 1, fails with `code`: after it was
  // done if `done`, half done if it is a write otherwise. With `lasting`, so does every later one.
  void FailAt(int countdown, int code, bool done, bool lasting);
  void Heal() { remaining_ = 0; }
  // Whether the failure has happened.
  bool fired() const { return fired_; }

  // For the file methods: SQLITE_OK, or how this operation fails.
  int Next();
  bool done() const { return done_; }

 private:
  const std::string name_ = "postern_faulty";
  sqlite3_vfs vfs_{};
  std::atomic<int> remaining_{0};  // 0: healthy
  std::atomic<int> code_{SQLITE_OK};
  std::atomic<bool> done_{false};
  std::atomic<bool> lasting_{false};
  std::atomic<bool> fired_{false};
};

}  // namespace postern::storage
