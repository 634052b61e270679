#include "server/rpc/acceptor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"

namespace postern::rpc {
namespace {

constexpr int kBacklog = 512;

absl::Status AddressError(absl::string_view address, absl::string_view what) {
  return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, absl::StrCat("cannot listen on ", address, ": ", what));
}

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

absl::StatusOr<SocketAddress> ParseAddress(absl::string_view address) {
  const size_t colon = address.rfind(':');
  int port = -1;
  if (colon == absl::string_view::npos || !absl::SimpleAtoi(address.substr(colon + 1), &port) || port < 0 ||
      port > 65535) {
    return AddressError(address, "not of the form host:port");
  }
  const absl::string_view host = address.substr(0, colon);
  SocketAddress out;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    if (inet_pton(AF_INET6, std::string(host.substr(1, host.size() - 2)).c_str(), &v6->sin6_addr) != 1) {
      return AddressError(address, "the host is not an IP address");
    }
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(static_cast<uint16_t>(port));
    out.size = sizeof(*v6);
    return out;
  }
  if (inet_pton(AF_INET, std::string(host).c_str(), &v4->sin_addr) != 1) {
    return AddressError(address, "the host is not an IP address");
  }
  v4->sin_family = AF_INET;
  v4->sin_port = htons(static_cast<uint16_t>(port));
  out.size = sizeof(*v4);
  return out;
}

int PortOf(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return 0;
  return storage.ss_family == AF_INET6 ? ntohs(reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port)
                                       : ntohs(reinterpret_cast<sockaddr_in*>(&storage)->sin_port);
}

// As gRPC writes it in ServerContext::peer(): a mapped IPv4 address as IPv4, the brackets of IPv6 and the sign before
// the zone of a link-local address percent-encoded.
std::string PeerName(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> host{};
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &v4.sin_addr, host.data(), host.size());
    return absl::StrCat("ipv4:", host.data(), ":", ntohs(v4.sin_port));
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
    inet_ntop(AF_INET, v6.sin6_addr.s6_addr + 12, host.data(), host.size());
    return absl::StrCat("ipv4:", host.data(), ":", ntohs(v6.sin6_port));
  }
  inet_ntop(AF_INET6, &v6.sin6_addr, host.data(), host.size());
  const std::string zone = v6.sin6_scope_id == 0 ? "" : absl::StrCat("%25", v6.sin6_scope_id);
  return absl::StrCat("ipv6:%5B", host.data(), zone, "%5D:", ntohs(v6.sin6_port));
}

bool Watch(int poller, int fd, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  return epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) == 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Acceptor>> Acceptor::Listen(const Options& options, ConnectionTable* table) {
  POSTERN_ASSIGN_OR_RETURN(const SocketAddress address, ParseAddress(options.address));
  UniqueFd listener(socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  if (!listener.valid() || setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
      bind(listener.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0 ||
      listen(listener.get(), kBacklog) != 0) {
    return AddressError(options.address, std::strerror(errno));
  }
  UniqueFd poller(epoll_create1(EPOLL_CLOEXEC));
  UniqueFd stop(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!poller.valid() || !stop.valid() || !Watch(poller.get(), listener.get(), EPOLLIN) ||
      !Watch(poller.get(), stop.get(), EPOLLIN)) {
    return AddressError(options.address, std::strerror(errno));
  }
  const int port = PortOf(listener.get());
  return std::unique_ptr<Acceptor>(
      new Acceptor(options, table, std::move(listener), std::move(poller), std::move(stop), port));
}

Acceptor::Acceptor(const Options& options, ConnectionTable* table, UniqueFd listener, UniqueFd poller, UniqueFd stop,
                   int port)
    : max_connections_(options.max_connections),
      table_(table),
      poller_(std::move(poller)),
      stop_(std::move(stop)),
      port_(port),
      listener_(std::move(listener)) {}

void Acceptor::Start(std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> sink) {
  sink_ = std::move(sink);
  thread_ = std::thread([this] { Run(); });
}

void Acceptor::Stop() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(stop_.get(), &one, sizeof(one));
  thread_.join();
}

void Acceptor::Run() {
  std::array<epoll_event, 64> events{};
  while (true) {
    const int count = epoll_wait(poller_.get(), events.data(), events.size(), -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == stop_.get()) {
        listener_.Reset();
        for (const auto& [socket, peer] : peers_) table_->Remove(peer, socket);
        return;
      }
      if (fd == listener_.get()) {
        AcceptAll();
        continue;
      }
      // EPOLLHUP or EPOLLERR: gRPC has shut the socket down, or it was reset. Closing the second descriptor lets it go.
      const auto found = peers_.find(fd);
      if (found == peers_.end()) continue;
      const std::string peer = std::move(found->second);
      peers_.erase(found);
      epoll_ctl(poller_.get(), EPOLL_CTL_DEL, fd, nullptr);
      table_->Remove(peer, fd);
    }
  }
}

void Acceptor::AcceptAll() {
  while (true) {
    sockaddr_storage address{};
    socklen_t size = sizeof(address);
    UniqueFd socket(
        accept4(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (socket.valid()) {
      if (peers_.size() < max_connections_) Admit(std::move(socket), PeerName(address));
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    // Out of descriptors: what waits in the backlog keeps the listener readable. Breathing avoids a busy loop.
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) usleep(10'000);
    return;
  }
}

void Acceptor::Admit(UniqueFd socket, std::string peer) {
  const int on = 1;
  setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  UniqueFd second(fcntl(socket.get(), F_DUPFD_CLOEXEC, 0));
  // No events but the two that are always reported.
  if (!second.valid() || !Watch(poller_.get(), second.get(), 0)) return;
  peers_[second.get()] = peer;
  table_->Add(std::move(peer), std::move(second));

  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
  connection.listener_fd = listener_.get();
  connection.fd = socket.Release();
  sink_->HandleNewConnection(&connection);
}

}  // namespace postern::rpc
