// A listener's connections by peer address, each with a second descriptor of its socket: gRPC offers no way to kill a
// connection, and a cancelled call recalls nothing that is queued in the kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
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
  struct Limits {
    size_t per_owner = 128;  // connections that one partner, or one principal of another listener, may have
    // Connections on which nobody was authenticated: handshakes under way, and strangers. One more resets the oldest,
    // so that whoever only connects cannot keep others out.
    size_t unclaimed = 256;
  };
  ConnectionTable() : ConnectionTable(Limits()) {}
  explicit ConnectionTable(Limits limits) : limits_(limits) {}

  // A new connection. An older one of the same name is gone already, the port is used again.
  void Add(std::string peer, UniqueFd socket);
  // The socket is closed on both sides. `fd` is what Add was given; a newer connection of the same name stays.
  void Remove(const std::string& peer, int fd);
  // `owner` was authenticated on this connection. Unknown peers are ignored: they are closing. False, and the
  // connection is reset, if the owner has as many as it may.
  bool Claim(absl::string_view peer, absl::string_view owner);

  // connect(AF_UNSPEC) resets the connection and purges its send queue; where the kernel refuses, shutdown() ends it
  // and the queue drains.
  int AbortPartner(absl::string_view partner) override;

  size_t size() const;

 private:
  struct Connection {
    UniqueFd socket;
    uint64_t number = 0;
    std::string owner;  // empty until claimed
  };
  // Takes the connection out of the counts.
  void Uncount(const Connection& connection) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Limits limits_;
  mutable absl::Mutex mutex_;
  uint64_t next_number_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, std::string> unclaimed_ ABSL_GUARDED_BY(mutex_);       // peers by number: the oldest first
  absl::flat_hash_map<std::string, size_t> owned_ ABSL_GUARDED_BY(mutex_);  // by owner
  absl::flat_hash_map<std::string, Connection> connections_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace postern::rpc
