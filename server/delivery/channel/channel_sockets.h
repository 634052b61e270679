// The sockets that one gRPC channel has open, so that they can be reset: gRPC has no call that kills a connection, and
// a cancelled call recalls nothing that is queued in the kernel.
#pragma once

#include <sys/types.h>

#include <memory>
#include <vector>

#include <grpcpp/support/channel_arguments.h>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace postern::delivery {

// Thread-safe. Shared by who makes the channel and by the channel.
class ChannelSockets {
 public:
  // A channel made with `arguments` tells `sockets` of every socket before it connects it.
  static void Watch(std::shared_ptr<ChannelSockets> sockets, grpc::ChannelArguments* arguments);

  // Resets every connection and purges what is queued in the kernel, as rpc::ConnectionTable does for connections that
  // came in; the channel opens none after that. Returns how many there were. Idempotent.
  int Close();

  // A socket that the channel is about to connect. False if it may not.
  bool Opened(int fd);

 private:
  // gRPC closes its sockets when it likes, and the number is used again: the inode tells which socket it is.
  struct Socket {
    int fd = -1;
    ino_t inode = 0;
  };

  absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Socket> sockets_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace postern::delivery
