// Loaded into a gateway before everything else (LD_PRELOAD): stands before every system call that changes a file or
// sends, counts it, and kills the process there when the test has armed it. See boundary_control.h.
//
// The calls go to the kernel directly, so that nothing is looked up at run time.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/crash/boundary_control.h"

namespace postern::testing {
namespace {

BoundaryControl* g_control = nullptr;
char g_root[512];

__attribute__((constructor)) void Attach() {
  const char* path = getenv(kControlVariable);
  const char* root = getenv(kRootVariable);
  if (path == nullptr || root == nullptr) return;
  std::snprintf(g_root, sizeof(g_root), "%s/", root);
  const int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void* memory = mmap(nullptr, sizeof(BoundaryControl), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (memory != MAP_FAILED) g_control = static_cast<BoundaryControl*>(memory);
}

// "checkpoint.new" is on its way to be "checkpoint".
bool NamePath(const char* path, char* name, size_t size) {
  if (std::strncmp(path, g_root, std::strlen(g_root)) != 0) return false;
  const char* base = std::strrchr(path, '/') + 1;
  std::snprintf(name, size, "%s", base);
  return true;
}

bool NameSocket(int fd, char* name, size_t size) {
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return false;
  int port = 0;
  if (address.ss_family == AF_INET) port = ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
  if (address.ss_family == AF_INET6) port = ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port);
  if (port == 0) return false;
  for (const BoundaryControl::Port& known : g_control->ports) {
    if (known.port != port) continue;
    std::snprintf(name, size, "%s", known.name.data());
    return true;
  }
  return false;
}

bool NameDescriptor(int fd, char* name, size_t size) {
  char link[64];
  char path[512];
  std::snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  const long length = syscall(SYS_readlink, link, path, sizeof(path) - 1);
  if (length <= 0) return false;
  path[length] = '\0';
  if (std::strncmp(path, "socket:", 7) == 0) return NameSocket(fd, name, size);
  return path[0] == '/' && NamePath(path, name, size);
}

void Count(const char* name) {
  BoundaryControl& control = *g_control;
  const auto find = [&]() -> BoundaryControl::Boundary* {
    const int known = control.boundaries;
    for (int i = 0; i < known; ++i) {
      if (std::strcmp(control.boundary[static_cast<size_t>(i)].name.data(), name) == 0) {
        return &control.boundary[static_cast<size_t>(i)];
      }
    }
    return nullptr;
  };
  BoundaryControl::Boundary* found = find();
  if (found == nullptr) {
    while (control.lock.exchange(1) != 0) {
    }
    found = find();
    if (found == nullptr && control.boundaries < BoundaryControl::kMaxBoundaries) {
      found = &control.boundary[static_cast<size_t>(control.boundaries.load())];
      std::snprintf(found->name.data(), found->name.size(), "%s", name);
      ++control.boundaries;
    }
    control.lock = 0;
  }
  if (found != nullptr) ++found->hits;
}

void DieIfArmed(const char* name, bool after) {
  BoundaryControl& control = *g_control;
  if (control.countdown <= 0 || control.after != after || std::strcmp(control.target.data(), name) != 0) return;
  if (--control.countdown == 0) kill(getpid(), SIGKILL);
}

// The boundary around one call.
class Boundary {
 public:
  Boundary(int fd, const char* call) {
    char what[sizeof(BoundaryControl::Name) - 12];
    if (g_control != nullptr && NameDescriptor(fd, what, sizeof(what))) Reach(what, call);
  }
  Boundary(const char* path, const char* call) {
    char what[sizeof(BoundaryControl::Name) - 12];
    if (g_control != nullptr && path[0] == '/' && NamePath(path, what, sizeof(what))) Reach(what, call);
  }
  ~Boundary() {
    const int error = errno;
    if (name_[0] != '\0') DieIfArmed(name_, true);
    errno = error;
  }
  Boundary(const Boundary&) = delete;
  Boundary& operator=(const Boundary&) = delete;

 private:
  void Reach(const char* what, const char* call) {
    std::snprintf(name_, sizeof(name_), "%s:%s", what, call);
    Count(name_);
    DieIfArmed(name_, false);
  }
  char name_[sizeof(BoundaryControl::Name)] = "";
};

}  // namespace
}  // namespace postern::testing

using postern::testing::Boundary;

extern "C" {

ssize_t write(int fd, const void* data, size_t size) {
  const Boundary boundary(fd, "write");
  return syscall(SYS_write, fd, data, size);
}
ssize_t writev(int fd, const iovec* parts, int count) {
  const Boundary boundary(fd, "write");
  return syscall(SYS_writev, fd, parts, count);
}
ssize_t pwrite64(int fd, const void* data, size_t size, off64_t offset) {
  const Boundary boundary(fd, "write");
  return syscall(SYS_pwrite64, fd, data, size, offset);
}
ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  return pwrite64(fd, data, size, offset);
}
int fsync(int fd) {
  const Boundary boundary(fd, "sync");
  return static_cast<int>(syscall(SYS_fsync, fd));
}
int fdatasync(int fd) {
  const Boundary boundary(fd, "sync");
  return static_cast<int>(syscall(SYS_fdatasync, fd));
}
int ftruncate64(int fd, off64_t size) noexcept {
  const Boundary boundary(fd, "truncate");
  return static_cast<int>(syscall(SYS_ftruncate, fd, size));
}
int ftruncate(int fd, off_t size) noexcept {
  return ftruncate64(fd, size);
}
int rename(const char* from, const char* to) noexcept {
  const Boundary boundary(to, "rename");
  return static_cast<int>(syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to));
}
int unlink(const char* path) noexcept {
  const Boundary boundary(path, "unlink");
  return static_cast<int>(syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}
ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  const Boundary boundary(fd, "send");
  return syscall(SYS_sendmsg, fd, message, flags);
}
ssize_t sendto(int fd, const void* data, size_t size, int flags, const sockaddr* to, socklen_t length) {
  const Boundary boundary(fd, "send");
  return syscall(SYS_sendto, fd, data, size, flags, to, length);
}
ssize_t send(int fd, const void* data, size_t size, int flags) {
  return sendto(fd, data, size, flags, nullptr, 0);
}
}
