// The directory that one store owns while it is open.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace postern::storage {

// Holds the lock; released by destruction or by the death of the process, however it dies.
class DataDirectory {
 public:
  // FAILED_PRECONDITION if `path` is a symbolic link, not a directory, of another user or open to others, or if another
  // store has it.
  static absl::StatusOr<DataDirectory> Open(const std::string& path, bool create_if_missing);
  // The same; nothing if another store has it.
  static absl::StatusOr<std::optional<DataDirectory>> TryOpen(const std::string& path, bool create_if_missing);
  DataDirectory(DataDirectory&& other) noexcept
      : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}
  DataDirectory& operator=(DataDirectory&&) = delete;
  ~DataDirectory();

  // The path of a file in it, which exists when this returns: empty with mode 0600 if it was missing and `create` is
  // set. The same checks.
  absl::StatusOr<std::string> File(absl::string_view name, bool create) const;
  // Deletes a file; none is no error.
  absl::Status Remove(absl::string_view name) const;

 private:
  DataDirectory(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

  std::string path_;
  int lock_;
};

}  // namespace postern::storage
