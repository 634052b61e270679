#include "tests/postgres/cutting_proxy.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <utility>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace postern::testing {
namespace {

constexpr char kSocket[] = "/.s.PGSQL.5432";
constexpr int kRoundMillis = 20;
// How the message begins that has a COMMIT parsed: no name, then the statement.
constexpr absl::string_view kCommit("\0COMMIT\0", 8);

sockaddr_un AddressOf(const std::string& folder) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (folder + kSocket).c_str(), sizeof(address.sun_path) - 1);
  return address;
}

bool SendAll(int socket, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

}  // namespace

CuttingProxy::CuttingProxy(std::string server_folder, std::string folder)
    : server_folder_(std::move(server_folder)), folder_(std::move(folder)) {
  mkdir(folder_.c_str(), 0700);
  listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = AddressOf(folder_);
  EXPECT_EQ(bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(listen(listener_, 16), 0);
  acceptor_ = std::thread([this] { Accept(); });
}

CuttingProxy::~CuttingProxy() {
  stop_ = true;
  acceptor_.join();
  std::vector<std::thread> carriers;
  {
    absl::MutexLock lock(&mutex_);
    carriers.swap(carriers_);
  }
  for (std::thread& carrier : carriers) carrier.join();
  close(listener_);
}

void CuttingProxy::Accept() {
  while (!stop_) {
    pollfd ready{listener_, POLLIN, 0};
    if (poll(&ready, 1, kRoundMillis) <= 0) continue;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    absl::MutexLock lock(&mutex_);
    carriers_.emplace_back([this, client] { Carry(client); });
  }
}

void CuttingProxy::Carry(int client) {
  const int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = AddressOf(server_folder_);
  bool open = connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  std::array<char, 65536> buffer{};
  bool drop_answer = false;
  while (open && !stop_) {
    std::array<pollfd, 2> ready = {pollfd{client, POLLIN, 0}, pollfd{server, POLLIN, 0}};
    if (poll(ready.data(), ready.size(), kRoundMillis) <= 0) continue;
    if (ready[0].revents != 0) {
      const ssize_t count = recv(client, buffer.data(), buffer.size(), 0);
      if (count <= 0) break;
      const absl::string_view bytes(buffer.data(), static_cast<size_t>(count));
      Cut cut = Cut::kNever;
      const bool commit = bytes.find(kCommit) != absl::string_view::npos;
      if (commit) cut = cut_.exchange(Cut::kNever);
      if (cut != Cut::kNever) ++cuts_;
      if (cut == Cut::kBeforeCommit) break;
      open = SendAll(server, bytes);
      if (commit) ++commits_;
      if (cut == Cut::kWhileCommit) break;
      drop_answer = drop_answer || cut == Cut::kAfterCommit;
    }
    if (ready[1].revents != 0) {
      const ssize_t count = recv(server, buffer.data(), buffer.size(), 0);
      if (count <= 0 || drop_answer) break;
      open = open && SendAll(client, absl::string_view(buffer.data(), static_cast<size_t>(count)));
    }
  }
  close(server);
  close(client);
}

}  // namespace postern::testing
