#include "server/rpc/admission.h"

#include <gtest/gtest.h>

#include <optional>

#include "proto/errors/error.h"
#include "server/rpc/call_rate.h"
#include "server/rpc/live_streams.h"

namespace postern::rpc {
namespace {

TEST(Admission, BoundsAConnectionAndAPrincipal) {
  Admission admission({.per_connection = 2, .per_principal = 3});
  auto a = admission.Admit("ipv4:1", "partners/acme");
  auto b = admission.Admit("ipv4:1", "partners/acme");
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(ReasonOf(admission.Admit("ipv4:1", "partners/acme").status()), v1::ERROR_REASON_OVERLOADED);
  auto c = admission.Admit("ipv4:2", "partners/acme");
  ASSERT_TRUE(c.ok());
  EXPECT_EQ(ReasonOf(admission.Admit("ipv4:3", "partners/acme").status()), v1::ERROR_REASON_OVERLOADED);
  EXPECT_TRUE(admission.Admit("ipv4:3", "partners/bolt").ok()) << "the refused call left nothing behind";
}

TEST(Admission, AnEndedCallMakesRoom) {
  Admission admission({.per_connection = 1, .per_principal = 1});
  for (int i = 0; i < 3; ++i) {
    auto ticket = admission.Admit("ipv4:1", "partners/acme");
    ASSERT_TRUE(ticket.ok());
    Admission::Ticket moved = *std::move(ticket);
    EXPECT_FALSE(admission.Admit("ipv4:1", "partners/acme").ok());
  }
}

TEST(CallRate, BoundsEachPrincipalByItself) {
  CallRate rate(10);
  absl::Time now = absl::UnixEpoch();
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(rate.Take("partners/acme", now).ok()) << i;
  EXPECT_EQ(ReasonOf(rate.Take("partners/acme", now)), v1::ERROR_REASON_OVERLOADED);
  EXPECT_TRUE(rate.Take("partners/bolt", now).ok());
  now += absl::Milliseconds(100);
  EXPECT_TRUE(rate.Take("partners/acme", now).ok());
  EXPECT_FALSE(rate.Take("partners/acme", now).ok());
  EXPECT_FALSE(rate.Take("partners/acme", now - absl::Hours(1)).ok()) << "a clock that was set back";
  now += absl::Hours(1);
  int taken = 0;
  while (rate.Take("partners/acme", now).ok()) ++taken;
  EXPECT_EQ(taken, 20) << "no more than the bucket holds";
}

TEST(LiveStreams, EndsThoseThatLiveAndThoseThatComeLate) {
  LiveStreams streams;
  int first = 0;
  int second = 0;
  int late = 0;
  streams.Add([&first] { ++first; });
  const LiveStreams::Id gone = streams.Add([&second] { ++second; });
  streams.Remove(gone);
  streams.EndAll();
  streams.Add([&late] { ++late; });
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 0);
  EXPECT_EQ(late, 1);
}

}  // namespace
}  // namespace postern::rpc
