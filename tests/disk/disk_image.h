// What a disk holds and what it would hold after a loss of power: a model of files, their directory entries and what an
// fsync makes durable.
//
// The rules are those of a journalling file system that promises nothing more than POSIX:
//   - a write is durable after a successful fsync of its file; before, any 512-byte sector of it may be there or not,
//     whatever came earlier or later;
//   - a file that was made or deleted is so durably once its directory was synced;
//   - an fsync that fails makes nothing durable, and what it should have written is clean from then on: a later fsync
//     does not write it again (as Linux does it). Some of it may have reached the disk.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace postern::testing {

// One file's content, whatever name leads to it. Not thread-safe.
class Inode {
 public:
  explicit Inode(std::string durable) : durable_(std::move(durable)) {}

  void Write(int64_t offset, absl::string_view data);
  void Truncate(int64_t size);
  void Sync();
  void FailSync(std::mt19937_64& random);
  // What is found after a loss of power.
  std::string AfterPowerCut(std::mt19937_64& random) const;
  bool clean() const { return unsynced_.empty(); }

 private:
  struct Change {
    std::optional<int64_t> truncate_to;
    int64_t offset = 0;
    std::string data;
  };
  static void Apply(const Change& change, std::string* content);
  // Applies a random part of each change.
  std::string Torn(std::mt19937_64& random) const;

  std::string durable_;
  std::vector<Change> unsynced_;
};

// The files of all directories. Not thread-safe.
class DiskImage {
 public:
  // The file at `path`, made if it is new. A path that the image does not know yet is taken as durable with `found`,
  // where that is given.
  std::shared_ptr<Inode> Open(const std::string& path, const std::optional<std::string>& found);
  void Delete(const std::string& path);
  // Makes the entries of the directory of `path` durable.
  void SyncDirectoryOf(const std::string& path);

  // What each known path holds after a loss of power; nullopt: it is not there. From then on that is what is durable.
  std::map<std::string, std::optional<std::string>> CutPower(std::mt19937_64& random);

 private:
  struct Entry {
    std::shared_ptr<Inode> now;      // null: deleted
    std::shared_ptr<Inode> durable;  // where the name leads after a loss of power; null: nowhere
  };
  std::map<std::string, Entry> entries_;
};

}  // namespace postern::testing
