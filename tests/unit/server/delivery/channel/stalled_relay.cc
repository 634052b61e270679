#include "tests/unit/server/delivery/channel/stalled_relay.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

namespace postern::delivery {
namespace {

constexpr int kSmallBuffer = 8 << 10;

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

}  // namespace

StalledRelay::StalledRelay(const std::string& server) : port_(std::stoi(server.substr(server.rfind(':') + 1))) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(listener_, SOL_SOCKET, SO_RCVBUF, &kSmallBuffer, sizeof kSmallBuffer);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  bind(listener_, reinterpret_cast<sockaddr*>(&address), size);
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  listen(listener_, 1);
  address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  thread_ = std::thread([this] { Forward(); });
}

StalledRelay::~StalledRelay() {
  Stall();
  for (const int fd : {listener_, client_, server_}) {
    if (fd >= 0) close(fd);
  }
}

void StalledRelay::Stall() {
  stall_ = true;
  if (thread_.joinable()) thread_.join();
}

void StalledRelay::Forward() {
  pollfd accepted{listener_, POLLIN, 0};
  while (poll(&accepted, 1, 20) == 0) {
    if (stall_) return;
  }
  client_ = accept(listener_, nullptr, nullptr);
  server_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port_);
  connect(server_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  std::vector<char> buffer(4 << 10);
  while (!stall_) {
    pollfd ends[] = {{client_, POLLIN, 0}, {server_, POLLIN, 0}};
    poll(ends, 2, 5);
    for (int from = 0; from < 2; ++from) {
      if ((ends[from].revents & POLLIN) == 0) continue;
      const ssize_t got = recv(ends[from].fd, buffer.data(), buffer.size(), 0);
      if (got <= 0) return;
      send(ends[1 - from].fd, buffer.data(), static_cast<size_t>(got), MSG_NOSIGNAL);
      if (from == 0) forwarded_ += static_cast<size_t>(got);
    }
  }
}

StalledRelay::Rest StalledRelay::Drain() {
  Rest rest;
  std::vector<char> buffer(64 << 10);
  for (;;) {
    const ssize_t got = recv(client_, buffer.data(), buffer.size(), 0);
    if (got > 0) {
      rest.bytes += static_cast<size_t>(got);
      continue;
    }
    rest.reset = got < 0 && errno == ECONNRESET;
    return rest;
  }
}

}  // namespace postern::delivery
