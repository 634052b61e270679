// The partners' connections by peer address, each with a second descriptor of its socket: gRPC offers no way to kill a
// connection, and a cancelled call recalls nothing that is queued in the kernel.
#pragma once

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "server/registry/ports.h"

namespace postern::rpc {

// A file descriptor and its owner.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.Release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  ~UniqueFd() { Reset(); }
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int Release();
  void Reset();

 private:
  int fd_ = -1;
};

// Thread-safe. Peers are named as grpc::ServerContext::peer() names them: "ipv4:127.0.0.1:40000",
// "ipv6:%5B::1%5D:40000".
class ConnectionTable final : public registry::ConnectionAborter {
 public:
  // A new connection. An older one of the same name is gone already, the port is used again.
  void Add(std::string peer, UniqueFd socket);
  // The socket is closed on both sides. `fd` is what Add was given; a newer connection of the same name stays.
  void Remove(const std::string& peer, int fd);
  // `partner` was authenticated on this connection. Unknown peers are ignored: they are closing.
  void Claim(absl::string_view peer, absl::string_view partner);

  // connect(AF_UNSPEC) resets the connection and purges its send queue; where the kernel refuses, shutdown() ends it
  // and the queue drains.
  int AbortPartner(absl::string_view partner) override;

  size_t size() const;

 private:
  struct Connection {
    UniqueFd socket;
    std::string partner;  // empty until claimed
  };

  mutable absl::Mutex mutex_;
  absl::flat_hash_map<std::string, Connection> connections_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace postern::rpc
