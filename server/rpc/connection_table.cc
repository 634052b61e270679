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
  connections_[std::move(peer)] = Connection{std::move(socket), std::string()};
}

void ConnectionTable::Remove(const std::string& peer, int fd) {
  absl::MutexLock lock(&mutex_);
  const auto found = connections_.find(peer);
  if (found != connections_.end() && found->second.socket.get() == fd) connections_.erase(found);
}

void ConnectionTable::Claim(absl::string_view peer, absl::string_view partner) {
  absl::MutexLock lock(&mutex_);
  const auto found = connections_.find(peer);
  if (found != connections_.end() && found->second.partner != partner) found->second.partner = std::string(partner);
}

int ConnectionTable::AbortPartner(absl::string_view partner) {
  absl::MutexLock lock(&mutex_);
  int aborted = 0;
  // The entries stay until the acceptor sees the sockets hang up: their descriptors are in its poll set.
  for (auto& [peer, connection] : connections_) {
    if (connection.partner != partner) continue;
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
