#include "server/delivery/channel/channel_sockets.h"

#include <algorithm>
#include <utility>

#include <grpc/support/sync.h>
#include <grpcpp/version_info.h>

#include "server/delivery/channel/socket_reset.h"

// The way to a channel's sockets: GRPC_ARG_SOCKET_MUTATOR and these types are public, their definitions are not
// installed. They are those of src/core/lib/iomgr/socket_mutator.h in 1.51; a test notices if they are not.
static_assert(GRPC_CPP_VERSION_MAJOR == 1 && GRPC_CPP_VERSION_MINOR == 51, "compare socket_mutator.h");

enum grpc_fd_usage { GRPC_FD_CLIENT_CONNECTION_USAGE, GRPC_FD_SERVER_LISTENER_USAGE, GRPC_FD_SERVER_CONNECTION_USAGE };

struct grpc_mutate_socket_info {
  int fd;
  grpc_fd_usage usage;
};

struct grpc_socket_mutator_vtable {
  bool (*mutate_fd)(int fd, grpc_socket_mutator* mutator);
  int (*compare)(grpc_socket_mutator* a, grpc_socket_mutator* b);
  void (*destroy)(grpc_socket_mutator* mutator);
  bool (*mutate_fd_2)(const grpc_mutate_socket_info* info, grpc_socket_mutator* mutator);
};

struct grpc_socket_mutator {
  const grpc_socket_mutator_vtable* vtable;
  gpr_refcount refcount;
};

void grpc_socket_mutator_init(grpc_socket_mutator* mutator, const grpc_socket_mutator_vtable* vtable);

namespace postern::delivery {
namespace {

struct Watcher {
  grpc_socket_mutator base;  // first: gRPC knows nothing else
  std::shared_ptr<ChannelSockets> sockets;
};

Watcher* Of(grpc_socket_mutator* mutator) {
  return reinterpret_cast<Watcher*>(mutator);
}

const grpc_socket_mutator_vtable kVtable = {
    [](int fd, grpc_socket_mutator* mutator) { return Of(mutator)->sockets->Opened(fd); },
    // Channels with other watchers are other channels.
    [](grpc_socket_mutator* a, grpc_socket_mutator* b) { return a < b    ? -1
                                                                : a == b ? 0
                                                                         : 1; },
    [](grpc_socket_mutator* mutator) { delete Of(mutator); },
    nullptr,
};

}  // namespace

void ChannelSockets::Watch(std::shared_ptr<ChannelSockets> sockets, grpc::ChannelArguments* arguments) {
  auto* watcher = new Watcher{{}, std::move(sockets)};
  grpc_socket_mutator_init(&watcher->base, &kVtable);
  arguments->SetSocketMutator(&watcher->base);  // which owns it now
}

bool ChannelSockets::Opened(int fd) {
  const ino_t inode = SocketInode(fd);
  absl::MutexLock lock(&mutex_);
  if (closed_) return false;
  sockets_.erase(std::remove_if(sockets_.begin(), sockets_.end(),
                                [](const Socket& old) { return SocketInode(old.fd) != old.inode; }),
                 sockets_.end());
  sockets_.push_back({fd, inode});
  return true;
}

int ChannelSockets::Close() {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
  int reset = 0;
  for (const Socket& socket : sockets_) reset += ResetSocket(socket.fd, socket.inode) ? 1 : 0;
  sockets_.clear();
  return reset;
}

}  // namespace postern::delivery
