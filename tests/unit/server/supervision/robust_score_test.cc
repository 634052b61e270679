#include "server/supervision/robust_score.h"

#include <gtest/gtest.h>

namespace postern::supervision {
namespace {

TEST(RobustScore, CountsDeviationsFromTheMedian) {
  // Median 100, distances 0 10 10 20 20, their median 10, unit 14.826.
  EXPECT_NEAR(RobustScore({80, 90, 100, 110, 120}, 130), 30 / 14.826, 1e-9);
  EXPECT_NEAR(RobustScore({80, 90, 100, 110, 120}, 70), -30 / 14.826, 1e-9);
}

TEST(RobustScore, WildValuesOfThePastNeitherHideNorRaiseAnAlarm) {
  const std::vector<int64_t> history = {100, 101, 99, 100, 102, 98, 100, 100000};
  EXPECT_LT(RobustScore(history, 103), 1);
  EXPECT_GT(RobustScore(history, 1000), 50);
}

TEST(RobustScore, AHistoryThatNeverVariedLeavesRoom) {
  EXPECT_EQ(RobustScore({200, 200, 200}, 210), 1) << "5 % of the median are one deviation";
  EXPECT_EQ(RobustScore({0, 0, 0}, 3), 3) << "at least one record is";
  EXPECT_EQ(RobustScore({}, 3), 3);
}

TEST(Median, IsTheLowerMiddle) {
  EXPECT_EQ(Median({}), 0);
  EXPECT_EQ(Median({5}), 5);
  EXPECT_EQ(Median({4, 1, 3, 2}), 2);
}

}  // namespace
}  // namespace postern::supervision
