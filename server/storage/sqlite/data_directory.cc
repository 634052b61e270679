#include "server/storage/sqlite/data_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/storage/errors.h"

namespace postern::storage {
namespace {

absl::Status CheckOwnedAlone(const std::string& path, const struct stat& entry) {
  if (entry.st_uid != geteuid()) return errors::PathExposed(path, "belongs to another user");
  if ((entry.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return errors::PathExposed(path, "is open to other users (chmod go=)");
  return absl::OkStatus();
}

absl::Status CheckDirectory(const std::string& path) {
  struct stat entry {};
  if (lstat(path.c_str(), &entry) != 0) return errors::PathUnusable(path, "stat", errno);
  if (!S_ISDIR(entry.st_mode)) return errors::PathExposed(path, "is not a directory");
  return CheckOwnedAlone(path, entry);
}

// A new name is durable only when its directory is.
absl::Status SyncDirectory(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errors::PathUnusable(path, "open", errno);
  const int result = fsync(fd);
  const int error = errno;
  close(fd);
  return result == 0 ? absl::OkStatus() : errors::PathUnusable(path, "fsync", error);
}

}  // namespace

absl::StatusOr<DataDirectory> DataDirectory::Open(const std::string& path, bool create_if_missing) {
  POSTERN_ASSIGN_OR_RETURN(std::optional<DataDirectory> opened, TryOpen(path, create_if_missing));
  if (!opened.has_value()) return errors::DirectoryInUse(path);
  return *std::move(opened);
}

absl::StatusOr<std::optional<DataDirectory>> DataDirectory::TryOpen(const std::string& path, bool create_if_missing) {
  if (create_if_missing && mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return errors::PathUnusable(path, "mkdir", errno);
  POSTERN_RETURN_IF_ERROR(CheckDirectory(path));
  // Its own name must be durable as well. Every time: a crash may have come between the making and the sync. A parent
  // that is closed to this user was not written by it.
  const std::string parent = path.substr(0, path.rfind('/') + 1);
  if (access(parent.empty() ? "." : parent.c_str(), R_OK) == 0) {
    POSTERN_RETURN_IF_ERROR(SyncDirectory(parent.empty() ? "." : parent));
  }
  DataDirectory directory(path, -1);
  POSTERN_ASSIGN_OR_RETURN(const std::string lock_path, directory.File("lock", true));
  directory.lock_ = open(lock_path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  if (directory.lock_ < 0) return errors::PathUnusable(lock_path, "open", errno);
  // flock belongs to the open file and not to the process, so a second store of the same process is refused too.
  if (flock(directory.lock_, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return std::nullopt;
    return errors::PathUnusable(lock_path, "lock", errno);
  }
  return std::optional<DataDirectory>(std::move(directory));
}

DataDirectory::~DataDirectory() {
  if (lock_ >= 0) close(lock_);
}

absl::StatusOr<std::string> DataDirectory::File(absl::string_view name, bool create) const {
  std::string path = absl::StrCat(path_, "/", name);
  if (create) {
    const int made = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (made >= 0) {
      close(made);
      POSTERN_RETURN_IF_ERROR(SyncDirectory(path_));
    } else if (errno != EEXIST) {
      return errors::PathUnusable(path, "create", errno);
    }
  }
  struct stat entry {};
  if (lstat(path.c_str(), &entry) != 0) return errors::PathUnusable(path, "stat", errno);
  if (!S_ISREG(entry.st_mode)) return errors::PathExposed(path, "is not a plain file");
  POSTERN_RETURN_IF_ERROR(CheckOwnedAlone(path, entry));
  return path;
}

absl::Status DataDirectory::Remove(absl::string_view name) const {
  const std::string path = absl::StrCat(path_, "/", name);
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return errors::PathUnusable(path, "delete", errno);
  return absl::OkStatus();
}

}  // namespace postern::storage
