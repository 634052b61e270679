#include "server/delivery/channel/socket_reset.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace postern::delivery {

ino_t SocketInode(int fd) {
  struct stat status {};
  return fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode) ? status.st_ino : 0;
}

bool ResetSocket(int fd, ino_t inode) {
  // One of our own, so that it stays what it is while it is looked at.
  const int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return false;
  const bool same = inode != 0 && SocketInode(own) == inode;
  if (same) {
    sockaddr unspecified{};
    unspecified.sa_family = AF_UNSPEC;
    // Where the kernel refuses, the connection ends and the queue drains.
    if (connect(own, &unspecified, sizeof(unspecified)) != 0) shutdown(own, SHUT_RDWR);
  }
  close(own);
  return same;
}

}  // namespace postern::delivery
