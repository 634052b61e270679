#include "server/retention/clock_guard.h"

#include <gtest/gtest.h>

namespace postern::retention {
namespace {

class ClockGuardTest : public ::testing::Test {
 protected:
  // Both clocks go on.
  void Pass(absl::Duration time) {
    wall_ += time;
    steady_ += time;
  }

  absl::Time wall_ = absl::FromUnixSeconds(1'800'000'000);
  absl::Duration steady_ = absl::Hours(5);
  ClockGuard guard_{[this] { return wall_; }, [this] { return steady_; }, absl::Minutes(10)};
};

TEST_F(ClockGuardTest, TrustsAClockThatHasRunEvenlyForAWhile) {
  EXPECT_FALSE(guard_.Now().has_value()) << "nothing is known at the start";
  Pass(absl::Minutes(9));
  EXPECT_FALSE(guard_.Now().has_value());
  Pass(absl::Minutes(1));
  EXPECT_EQ(guard_.Now(), wall_);
}

TEST_F(ClockGuardTest, ALeapForwardOrBackBeginsTheWaitAnew) {
  guard_.Now();
  Pass(absl::Hours(1));
  ASSERT_TRUE(guard_.Now().has_value());
  for (const absl::Duration leap : {absl::Hours(24 * 365), -absl::Hours(24 * 365)}) {
    wall_ += leap;
    EXPECT_FALSE(guard_.Now().has_value()) << leap;
    Pass(absl::Minutes(9));
    EXPECT_FALSE(guard_.Now().has_value()) << leap;
    Pass(absl::Minutes(1));
    EXPECT_EQ(guard_.Now(), wall_);
  }
}

TEST_F(ClockGuardTest, ALeapThatIsTakenBackIsALeapTwice) {
  guard_.Now();
  Pass(absl::Hours(1));
  wall_ += absl::Hours(24);
  EXPECT_FALSE(guard_.Now().has_value());
  wall_ -= absl::Hours(24);
  EXPECT_FALSE(guard_.Now().has_value());
}

TEST_F(ClockGuardTest, SmallCorrectionsAndSuspendedHoursAreNoLeap) {
  guard_.Now();
  Pass(absl::Hours(1));
  wall_ += absl::Seconds(30);
  EXPECT_TRUE(guard_.Now().has_value());
  Pass(absl::Hours(100));
  EXPECT_TRUE(guard_.Now().has_value());
}

}  // namespace
}  // namespace postern::retention
