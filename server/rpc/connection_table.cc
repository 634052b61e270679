#include "server/rpc/connection_table.h"

#include <sys/socket.h>
#include <unistd.h>

#include <utility>

namespace postern::rpc {
namespace {

void ResetConnection(int fd) {
  sockaddr unspecified{};
  unspecified.sa_family = AF_UNSPEC;
  if (connect(fd, &unspecified, sizeof(unspecified)) != 0) shutdown(fd, SHUT_RDWR);
}

}  // namespace

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) {
    Reset();
    fd_ = other.Release();
  }
  return *this;
}

int UniqueFd::Release() {
  return std::exchange(fd_, -1);
}

void UniqueFd::Reset() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

void ConnectionTable::Add(std::string peer, UniqueFd socket) {
  absl::MutexLock lock(&mutex_);
  if (const auto older = connections_.find(peer); older != connections_.end()) Uncount(older->second);
  while (unclaimed_.size() >= limits_.unclaimed) {
    const auto oldest = connections_.find(unclaimed_.begin()->second);
    // The entry stays until the acceptor sees the socket hang up; it counts no more.
    if (oldest != connections_.end()) ResetConnection(oldest->second.socket.get());
    unclaimed_.erase(unclaimed_.begin());
  }
  unclaimed_[next_number_] = peer;
  connections_[std::move(peer)] = Connection{std::move(socket), next_number_++, std::string()};
}

void ConnectionTable::Uncount(const Connection& connection) {
  if (connection.owner.empty()) {
    unclaimed_.erase(connection.number);
  } else if (const auto count = owned_.find(connection.owner); count != owned_.end() && --count->second == 0) {
    owned_.erase(count);
  }
}

void ConnectionTable::Remove(const std::string& peer, int fd) {
  absl::MutexLock lock(&mutex_);
  const auto found = connections_.find(peer);
  if (found == connections_.end() || found->second.socket.get() != fd) return;
  Uncount(found->second);
  connections_.erase(found);
}

bool ConnectionTable::Claim(absl::string_view peer, absl::string_view owner) {
  absl::MutexLock lock(&mutex_);
  const auto found = connections_.find(peer);
  if (found == connections_.end()) return false;
  if (found->second.owner == owner) return true;
  size_t& count = owned_[owner];
  if (count >= limits_.per_owner) {
    ResetConnection(found->second.socket.get());
    return false;
  }
  ++count;
  Uncount(found->second);
  found->second.owner = std::string(owner);
  return true;
}

int ConnectionTable::AbortPartner(absl::string_view partner) {
  absl::MutexLock lock(&mutex_);
  int aborted = 0;
  // The entries stay until the acceptor sees the sockets hang up: their descriptors are in its poll set.
  for (auto& [peer, connection] : connections_) {
    if (connection.owner != partner) continue;
    ResetConnection(connection.socket.get());
    ++aborted;
  }
  return aborted;
}

size_t ConnectionTable::size() const {
  absl::MutexLock lock(&mutex_);
  return connections_.size();
}

}  // namespace postern::rpc
