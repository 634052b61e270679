#include "server/delivery/channel/address_guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace postern::delivery {
namespace {

struct Block4 {
  uint32_t first;
  int bits;
};

constexpr uint32_t Ip4(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}

constexpr Block4 kSpecial4[] = {
    {Ip4(0, 0, 0, 0), 8},        // this network
    {Ip4(10, 0, 0, 0), 8},       // private
    {Ip4(100, 64, 0, 0), 10},    // carrier-grade NAT
    {Ip4(127, 0, 0, 0), 8},      // loopback
    {Ip4(169, 254, 0, 0), 16},   // link-local, and the metadata services of clouds
    {Ip4(172, 16, 0, 0), 12},    // private
    {Ip4(192, 0, 0, 0), 24},     // protocol assignments
    {Ip4(192, 0, 2, 0), 24},     // documentation
    {Ip4(192, 88, 99, 0), 24},   // 6to4 relays
    {Ip4(192, 168, 0, 0), 16},   // private
    {Ip4(198, 18, 0, 0), 15},    // benchmarking
    {Ip4(198, 51, 100, 0), 24},  // documentation
    {Ip4(203, 0, 113, 0), 24},   // documentation
    {Ip4(224, 0, 0, 0), 4},      // multicast
    {Ip4(240, 0, 0, 0), 4},      // reserved, and broadcast
};

using Bytes6 = std::array<uint8_t, 16>;

struct Block6 {
  std::array<uint8_t, 4> first;
  int bits;  // at most 32
};

// Of 2000::/3, the only block that is assigned to anyone.
constexpr Block6 kSpecial6[] = {
    {{0x20, 0x01, 0x00, 0x00}, 23},  // protocol assignments, Teredo and ORCHID among them
    {{0x20, 0x01, 0x0d, 0xb8}, 32},  // documentation
    {{0x20, 0x02, 0x00, 0x00}, 16},  // 6to4
    {{0x3f, 0xff, 0x00, 0x00}, 20},  // documentation
};

bool Within(uint32_t address, const Block4& block) {
  return (address ^ block.first) >> (32 - block.bits) == 0;
}

bool IsPublic4(uint32_t address) {
  return std::none_of(std::begin(kSpecial4), std::end(kSpecial4),
                      [address](const Block4& block) { return Within(address, block); });
}

uint32_t Read32(const uint8_t* bytes) {
  return Ip4(bytes[0], bytes[1], bytes[2], bytes[3]);
}

bool StartsWith(const Bytes6& address, const uint8_t (&prefix)[12]) {
  return std::equal(std::begin(prefix), std::end(prefix), address.begin());
}

constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr uint8_t kNat64[12] = {0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0};

bool IsPublic6(const Bytes6& address) {
  // What holds an IPv4 address leads where that leads.
  if (StartsWith(address, kMapped) || StartsWith(address, kNat64)) return IsPublic4(Read32(&address[12]));
  if ((address[0] & 0xe0) != 0x20) return false;
  const uint32_t start = Read32(address.data());
  return std::none_of(std::begin(kSpecial6), std::end(kSpecial6), [start](const Block6& block) {
    return (start ^ Read32(block.first.data())) >> (32 - block.bits) == 0;
  });
}

Bytes6 BytesOf(const sockaddr_in6& address) {
  Bytes6 bytes;
  std::memcpy(bytes.data(), &address.sin6_addr, bytes.size());
  return bytes;
}

bool OneHost4(uint32_t address) {
  return !Within(address, {Ip4(0, 0, 0, 0), 8}) && !Within(address, {Ip4(224, 0, 0, 0), 3});
}

}  // namespace

bool IsPublicAddress(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    return IsPublic4(ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr));
  }
  if (address.sa_family == AF_INET6) return IsPublic6(BytesOf(reinterpret_cast<const sockaddr_in6&>(address)));
  return false;
}

bool MayCall(const sockaddr& address, bool allow_private) {
  if (IsPublicAddress(address)) return true;
  if (!allow_private) return false;
  if (address.sa_family == AF_INET) {
    return OneHost4(ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr));
  }
  if (address.sa_family != AF_INET6) return false;
  const Bytes6 bytes = BytesOf(reinterpret_cast<const sockaddr_in6&>(address));
  if (StartsWith(bytes, kMapped)) return OneHost4(Read32(&bytes[12]));
  const bool unspecified = std::all_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte == 0; });
  return !unspecified && bytes[0] != 0xff;
}

}  // namespace postern::delivery
