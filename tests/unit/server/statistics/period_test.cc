#include "server/statistics/period.h"

#include <gtest/gtest.h>

namespace postern::statistics {
namespace {

absl::Time At(const char* text) {
  absl::Time time;
  std::string error;
  EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, text, &time, &error)) << error;
  return time;
}

TEST(PeriodTest, IsTheMonthInUtc) {
  EXPECT_EQ(PeriodOf(At("2026-03-01T00:00:00Z")), "2026-03");
  EXPECT_EQ(PeriodOf(At("2026-03-01T00:30:00+01:00")), "2026-02");
  EXPECT_EQ(PeriodOf(At("2025-12-31T23:59:59.999Z")), "2025-12");
}

TEST(PeriodTest, PeriodsFollowOneAnotherWithoutOverlap) {
  EXPECT_EQ(EndOf("2028-02"), At("2028-03-01T00:00:00Z")) << "a leap year";
  EXPECT_EQ(EndOf("2025-12"), At("2026-01-01T00:00:00Z"));
  std::string period = "2024-01";
  for (int month = 0; month < 48; ++month) {
    const std::string next = PeriodOf(EndOf(period));
    EXPECT_EQ(PeriodOf(EndOf(period) - absl::Nanoseconds(1)), period);
    EXPECT_GT(next, period);
    period = next;
  }
}

TEST(PeriodTest, WhatIsNoMonthHasNoEnd) {
  for (const char* text : {"", "2026", "2026-13", "2026-00", "2026-1", "26-01", "2026-01-01", "always!"}) {
    EXPECT_EQ(EndOf(text), absl::InfiniteFuture()) << text;
  }
}

}  // namespace
}  // namespace postern::statistics
