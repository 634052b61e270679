#include "server/crypto/key_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/crypto/errors.h"

namespace postern::crypto {
namespace {

constexpr off_t kMaxFileSize = 1 << 20;

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  const int fd_;
};

absl::Status CheckPrivate(const std::string& path, const struct stat& info) {
  const bool others = (info.st_mode & (S_IRWXG | S_IRWXO)) != 0;
  const bool foreign = info.st_uid != ::geteuid() && info.st_uid != 0;
  if (others || foreign || !S_ISREG(info.st_mode)) return errors::KeyFileExposed(path, info.st_mode & 07777);
  return absl::OkStatus();
}

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::Status SyncDirectory(const std::string& directory) {
  const FileDescriptor fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || ::fsync(fd.get()) != 0) return errors::KeyFileUnusable(directory, "sync", errno);
  return absl::OkStatus();
}

// Writes a new file; on failure nothing is left at `path`.
absl::Status WriteNew(const std::string& path, const SecretBytes& content) {
  const FileDescriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!fd.valid())
    return errno == EEXIST ? errors::KeyFileExists(path) : errors::KeyFileUnusable(path, "create", errno);
  absl::string_view rest = content.Reveal(SecretAccess::Granted());
  while (!rest.empty()) {
    const ssize_t written = ::write(fd.get(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int error = errno;
      ::unlink(path.c_str());
      return errors::KeyFileUnusable(path, "write", error);
    }
    rest.remove_prefix(static_cast<size_t>(written));
  }
  if (::fsync(fd.get()) != 0) {
    const int error = errno;
    ::unlink(path.c_str());
    return errors::KeyFileUnusable(path, "sync", error);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SecretBytes> ReadPrivateFile(const std::string& path) {
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return errno == ENOENT ? errors::KeyFileMissing(path) : errors::KeyFileUnusable(path, "open", errno);
  struct stat info;
  if (::fstat(fd.get(), &info) != 0) return errors::KeyFileUnusable(path, "stat", errno);
  POSTERN_RETURN_IF_ERROR(CheckPrivate(path, info));
  if (info.st_size > kMaxFileSize) return errors::Malformed(absl::StrCat("key file ", path, " is over 1 MiB"));
  SecretBytes content = SecretBytes::OfSize(static_cast<size_t>(info.st_size));
  size_t done = 0;
  while (done < content.size()) {
    const ssize_t got = ::read(fd.get(), content.MutableData(SecretAccess::Granted()) + done, content.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return errors::KeyFileUnusable(path, "read", got < 0 ? errno : EIO);
    done += static_cast<size_t>(got);
  }
  return content;
}

absl::Status CreatePrivateFile(const std::string& path, const SecretBytes& content) {
  POSTERN_RETURN_IF_ERROR(WriteNew(path, content));
  return SyncDirectory(DirectoryOf(path));
}

absl::Status SyncPrivateFile(const std::string& path) {
  const FileDescriptor fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.valid() || ::fdatasync(fd.get()) != 0) return errors::KeyFileUnusable(path, "sync", errno);
  return absl::OkStatus();
}

absl::Status CheckNotLink(const std::string& path) {
  struct stat info;
  if (::lstat(path.c_str(), &info) == 0 && S_ISLNK(info.st_mode)) return errors::KeyFileLinked(path);
  return absl::OkStatus();
}

absl::Status ReplacePrivateFile(const std::string& path, const SecretBytes& content) {
  POSTERN_RETURN_IF_ERROR(CheckNotLink(path));
  const std::string next = absl::StrCat(path, ".next");
  // Left by a crash before the rename; it was never in use.
  ::unlink(next.c_str());
  POSTERN_RETURN_IF_ERROR(WriteNew(next, content));
  if (std::rename(next.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(next.c_str());
    return errors::KeyFileUnusable(path, "rename", error);
  }
  return SyncDirectory(DirectoryOf(path));
}

absl::Status CheckPrivateFile(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) {
    return errno == ENOENT ? errors::KeyFileMissing(path) : errors::KeyFileUnusable(path, "stat", errno);
  }
  return CheckPrivate(path, info);
}

}  // namespace postern::crypto
