#include "server/rpc/connection_table.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

namespace postern::rpc {
namespace {

// A TCP connection over loopback: the gateway's end and the partner's.
struct Connection {
  UniqueFd gateway;
  UniqueFd partner;
};

Connection Connect() {
  UniqueFd listener(socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  EXPECT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(listen(listener.get(), 1), 0);
  getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
  Connection out;
  out.partner = UniqueFd(socket(AF_INET, SOCK_STREAM, 0));
  // A small window, so that what the gateway writes stays in its own kernel buffer.
  const int small = 4096;
  setsockopt(out.partner.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
  EXPECT_EQ(connect(out.partner.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  out.gateway = UniqueFd(accept(listener.get(), nullptr, nullptr));
  return out;
}

UniqueFd Second(const UniqueFd& fd) {
  return UniqueFd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
}

size_t WriteUntilFull(int fd) {
  fcntl(fd, F_SETFL, O_NONBLOCK);
  const std::string block(64 << 10, 'x');
  size_t total = 0;
  for (ssize_t n; (n = write(fd, block.data(), block.size())) > 0;) total += static_cast<size_t>(n);
  return total;
}

// Everything that can still be read, and the error that ends it (0: the regular end).
std::pair<size_t, int> ReadAll(int fd) {
  std::string buffer(64 << 10, '\0');
  size_t total = 0;
  for (ssize_t n; (n = read(fd, buffer.data(), buffer.size())) != 0;) {
    if (n < 0) return {total, errno};
    total += static_cast<size_t>(n);
  }
  return {total, 0};
}

TEST(ConnectionTable, AnAbortPurgesWhatIsQueued) {
  Connection connection = Connect();
  ConnectionTable table;
  table.Add("ipv4:127.0.0.1:1", Second(connection.gateway));
  table.Claim("ipv4:127.0.0.1:1", "partners/acme");
  const size_t written = WriteUntilFull(connection.gateway.get());
  ASSERT_GT(written, size_t{100'000});
  EXPECT_EQ(table.AbortPartner("partners/acme"), 1);
  const auto [readable, error] = ReadAll(connection.partner.get());
  EXPECT_EQ(error, ECONNRESET);
  EXPECT_LT(readable, written / 4) << "the send queue was delivered";
  EXPECT_LT(write(connection.gateway.get(), "x", 1), 0) << "nothing can be written any more";
}

TEST(ConnectionTable, AbortsOnlyThePartnersOwn) {
  Connection acme = Connect();
  Connection bolt = Connect();
  Connection nobody = Connect();
  ConnectionTable table;
  table.Add("a", Second(acme.gateway));
  table.Add("b", Second(bolt.gateway));
  table.Add("n", Second(nobody.gateway));
  table.Claim("a", "partners/acme");
  table.Claim("b", "partners/bolt");
  EXPECT_FALSE(table.Claim("unknown", "partners/acme")) << "nobody could end it";
  EXPECT_EQ(table.AbortPartner("partners/acme"), 1);
  EXPECT_EQ(table.AbortPartner("partners/none"), 0);
  EXPECT_EQ(write(bolt.gateway.get(), "x", 1), 1);
  EXPECT_EQ(write(nobody.gateway.get(), "x", 1), 1);
}

bool IsOpen(const Connection& connection) {
  return write(connection.gateway.get(), "x", 1) == 1;
}

TEST(ConnectionTable, OnePartnerCannotTakeAllConnections) {
  ConnectionTable table({2, 10});
  std::vector<Connection> connections;
  std::vector<int> second;
  for (int i = 0; i < 4; ++i) {
    connections.push_back(Connect());
    UniqueFd fd = Second(connections.back().gateway);
    second.push_back(fd.get());
    table.Add(std::to_string(i), std::move(fd));
  }
  EXPECT_TRUE(table.Claim("0", "partners/acme"));
  EXPECT_TRUE(table.Claim("1", "partners/acme"));
  EXPECT_TRUE(table.Claim("1", "partners/acme")) << "the same again";
  EXPECT_FALSE(table.Claim("2", "partners/acme"));
  EXPECT_FALSE(IsOpen(connections[2]));
  EXPECT_TRUE(table.Claim("3", "partners/bolt"));
  EXPECT_TRUE(IsOpen(connections[0]) && IsOpen(connections[1]) && IsOpen(connections[3]));
  // One that goes makes room.
  table.Remove("0", second[0]);
  Connection next = Connect();
  table.Add("4", Second(next.gateway));
  EXPECT_TRUE(table.Claim("4", "partners/acme"));
}

TEST(ConnectionTable, StrangersPushOutTheOldestStrangerAndNobodyElse) {
  ConnectionTable table({10, 3});
  std::vector<Connection> connections;
  for (int i = 0; i < 6; ++i) {
    connections.push_back(Connect());
    table.Add(std::to_string(i), Second(connections.back().gateway));
    if (i == 0) EXPECT_TRUE(table.Claim("0", "partners/acme"));
  }
  EXPECT_TRUE(IsOpen(connections[0])) << "authenticated";
  EXPECT_FALSE(IsOpen(connections[1]));
  EXPECT_FALSE(IsOpen(connections[2]));
  for (int i = 3; i < 6; ++i) EXPECT_TRUE(IsOpen(connections[static_cast<size_t>(i)])) << i;
}

TEST(ConnectionTable, ForgetsAConnectionButNotItsSuccessor) {
  Connection first = Connect();
  Connection second = Connect();
  ConnectionTable table;
  UniqueFd old = Second(first.gateway);
  const int old_fd = old.get();
  table.Add("a", std::move(old));
  UniqueFd successor = Second(second.gateway);
  const int new_fd = successor.get();
  table.Add("a", std::move(successor));
  table.Remove("a", old_fd);
  EXPECT_EQ(table.size(), 1u);
  table.Remove("a", new_fd);
  EXPECT_EQ(table.size(), 0u);
}

}  // namespace
}  // namespace postern::rpc
