// Which addresses the gateway calls, and that a name is not a way around it.
#include <arpa/inet.h>
#include <netinet/in.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/synchronization/notification.h"
#include "proto/errors/error.h"
#include "server/delivery/channel/address_guard.h"
#include "server/delivery/channel/address_resolver.h"

namespace postern::delivery {
namespace {

// Whether an address in text may be called.
bool May(const char* text, bool allow_private) {
  sockaddr_storage storage{};
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
    storage.ss_family = AF_INET;
  } else {
    EXPECT_EQ(inet_pton(AF_INET6, text, &v6->sin6_addr), 1) << text;
    storage.ss_family = AF_INET6;
  }
  return MayCall(reinterpret_cast<const sockaddr&>(storage), allow_private);
}

TEST(AddressGuardTest, ThePublicInternetMayBeCalled) {
  for (const char* text :
       {"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1",
        "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.167.255.255", "198.17.255.255", "198.20.0.0",
        "223.255.255.255", "2606:4700::1111", "2a00::1", "::ffff:8.8.8.8", "64:ff9b::808:808"}) {
    EXPECT_TRUE(May(text, false)) << text;
  }
}

TEST(AddressGuardTest, WhatIsNotPublicNeedsTheContractsWord) {
  for (const char* text : {"10.0.0.1",       "100.64.0.1",       "127.0.0.1",       "169.254.169.254", "172.16.0.1",
                           "172.31.255.255", "192.0.0.8",        "192.0.2.1",       "192.88.99.1",     "192.168.1.1",
                           "198.18.0.1",     "198.19.255.255",   "198.51.100.1",    "203.0.113.9",     "::1",
                           "fc00::1",        "fd12:3456::1",     "fe80::1",         "2001::1",         "2001:db8::1",
                           "2002:7f00:1::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1",
                           "100::1",         "4000::1"}) {
    EXPECT_FALSE(May(text, false)) << text;
    EXPECT_TRUE(May(text, true)) << text;
  }
}

TEST(AddressGuardTest, WhatNamesNoHostIsNeverCalled) {
  for (const char* text : {"0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
                           "::", "ff02::1", "::ffff:0.0.0.0", "::ffff:224.0.0.1"}) {
    EXPECT_FALSE(May(text, true)) << text;
  }
}

absl::StatusOr<std::string> Resolve(AddressResolver& resolver, const std::string& name, bool allow_private) {
  absl::StatusOr<std::string> result;
  absl::Notification done;
  resolver.Resolve(name, allow_private, [&](absl::StatusOr<std::string> address) {
    result = std::move(address);
    done.Notify();
  });
  done.WaitForNotification();
  return result;
}

TEST(AddressResolverTest, ALiteralIsCheckedToo) {
  AddressResolver resolver;
  EXPECT_EQ(*Resolve(resolver, "8.8.8.8:443", false), "8.8.8.8:443");
  EXPECT_EQ(*Resolve(resolver, "[2606:4700::1111]:443", false), "[2606:4700::1111]:443");
  EXPECT_EQ(ReasonOf(Resolve(resolver, "127.0.0.1:443", false).status()), v1::ERROR_REASON_ADDRESS_FORBIDDEN);
  EXPECT_EQ(ReasonOf(Resolve(resolver, "[::1]:443", false).status()), v1::ERROR_REASON_ADDRESS_FORBIDDEN);
  EXPECT_EQ(*Resolve(resolver, "127.0.0.1:443", true), "127.0.0.1:443");
  EXPECT_EQ(ReasonOf(Resolve(resolver, "0.0.0.0:443", true).status()), v1::ERROR_REASON_ADDRESS_FORBIDDEN);
}

TEST(AddressResolverTest, ANameIsWhatItLeadsTo) {
  AddressResolver resolver;
  EXPECT_EQ(ReasonOf(Resolve(resolver, "localhost:443", false).status()), v1::ERROR_REASON_ADDRESS_FORBIDDEN);
  const absl::StatusOr<std::string> loopback = Resolve(resolver, "localhost:443", true);
  ASSERT_TRUE(loopback.ok()) << loopback.status();
  EXPECT_THAT(*loopback, ::testing::AnyOf("127.0.0.1:443", "[::1]:443"));
  // The kept answer does not lose the check.
  EXPECT_EQ(ReasonOf(Resolve(resolver, "localhost:443", false).status()), v1::ERROR_REASON_ADDRESS_FORBIDDEN);
}

TEST(AddressResolverTest, WhatCannotBeResolvedIsUnreachable) {
  AddressResolver resolver;
  EXPECT_EQ(ReasonOf(Resolve(resolver, "no-such-host.invalid:443", true).status()),
            v1::ERROR_REASON_PARTNER_UNREACHABLE);
  EXPECT_EQ(ReasonOf(Resolve(resolver, "no port", true).status()), v1::ERROR_REASON_PARTNER_UNREACHABLE);
}

}  // namespace
}  // namespace postern::delivery
