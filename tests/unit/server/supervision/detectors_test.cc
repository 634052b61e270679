#include "server/supervision/detectors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern::supervision {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using Finding = v1::SupervisionFinding;

absl::Time At(int day, int hour, int minute = 0) {
  return absl::FromCivil(absl::CivilMinute(2027, 3, day, hour, minute), absl::UTCTimeZone());
}

storage::Mac16 Key(int number) {
  storage::Mac16 key{};
  key[0] = static_cast<uint8_t>(number);
  key[1] = static_cast<uint8_t>(number >> 8);
  return key;
}

class DetectorsTest : public ::testing::Test {
 protected:
  void Add(absl::Time time, int count) {
    for (int i = 0; i < count; ++i) usage_.Add(time, Key(next_++));
  }

  Usage usage_;
  int next_ = 0;
};

TEST_F(DetectorsTest, ADayOverTheContractsLimitStandsOut) {
  DetectorLimits limits;
  limits.max_records_per_day = 10;
  Add(At(1, 1), 100);
  Add(At(2, 0), 10);
  EXPECT_THAT(Judge(usage_, limits, At(2, 1)), IsEmpty()) << "yesterday was yesterday's";
  Add(At(2, 1), 1);
  const std::vector<Finding> findings = Judge(usage_, limits, At(2, 1));
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].detector(), Finding::DETECTOR_VOLUME);
  EXPECT_EQ(findings[0].value(), 11);
  EXPECT_EQ(findings[0].limit(), 10);
  EXPECT_EQ(findings[0].explanation(), "11 records on 2027-03-02 (UTC); the limit is 10");
  limits.max_records_per_day = 0;
  EXPECT_THAT(Judge(usage_, limits, At(2, 1)), IsEmpty()) << "0 is no limit";
}

TEST_F(DetectorsTest, AnHourUnlikeTheSameHourOfTheDaysBeforeStandsOut) {
  for (int day = 1; day <= 10; ++day) {
    Add(At(day, 3), 2);
    Add(At(day, 14), 100 + day % 3);
  }
  Add(At(11, 3), 60);
  const std::vector<Finding> night = Judge(usage_, {}, At(11, 3, 30));
  ASSERT_THAT(night, SizeIs(1)) << "60 records are few at two and many at three";
  EXPECT_EQ(night[0].detector(), Finding::DETECTOR_BURST);
  EXPECT_THAT(night[0].explanation(), ::testing::HasSubstr("the median of that hour on the 10 days before is 2"));
  Add(At(11, 14), 104);
  EXPECT_THAT(Judge(usage_, {}, At(11, 14, 59)), IsEmpty());
}

TEST_F(DetectorsTest, NothingIsUnusualBeforeThereIsAUsual) {
  for (int day = 1; day <= 6; ++day) Add(At(day, 9), 1);
  Add(At(7, 9), 5000);
  EXPECT_THAT(Judge(usage_, {}, At(7, 9, 1)), IsEmpty());
}

TEST_F(DetectorsTest, ARecordThatComesAgainAndAgainStandsOut) {
  for (int i = 0; i < 24; ++i) usage_.Add(At(1, 9), Key(1));
  EXPECT_THAT(Judge(usage_, {}, At(1, 10)), IsEmpty());
  usage_.Add(At(1, 10), Key(1));
  const std::vector<Finding> findings = Judge(usage_, {}, At(1, 10));
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].detector(), Finding::DETECTOR_REPEATS);
  EXPECT_EQ(findings[0].value(), 25);
  usage_.Add(At(2, 0), Key(1));
  EXPECT_THAT(Judge(usage_, {}, At(2, 0)), IsEmpty()) << "counted by the day";
}

TEST_F(DetectorsTest, AReplayFindsWhatWouldHaveStoodOutUnderOtherLimits) {
  Add(At(1, 1), 30);
  Add(At(2, 1), 10);
  Add(At(3, 1), 30);
  DetectorLimits limits;
  limits.max_records_per_day = 20;
  const std::vector<Finding> findings = Replay(usage_, limits);
  ASSERT_THAT(findings, SizeIs(2));
  EXPECT_EQ(findings[0].time().seconds(), absl::ToUnixSeconds(At(1, 1)));
  EXPECT_EQ(findings[1].time().seconds(), absl::ToUnixSeconds(At(3, 1)));
  limits.max_records_per_day = 30;
  EXPECT_THAT(Replay(usage_, limits), IsEmpty());
}

TEST_F(DetectorsTest, AReplayFindsRecordsThatCameAgainAndAgainOnAnyDay) {
  for (int i = 0; i < 25; ++i) usage_.Add(At(1, 9), Key(1));
  for (int i = 0; i < 24; ++i) usage_.Add(At(2, 9), Key(1));
  Add(At(3, 9), 30);
  const std::vector<Finding> findings = Replay(usage_, {});
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].detector(), Finding::DETECTOR_REPEATS);
  EXPECT_EQ(findings[0].value(), 25);
  EXPECT_EQ(findings[0].time().seconds(), absl::ToUnixSeconds(At(1, 9)));
  DetectorLimits limits;
  limits.max_repeats_per_day = 23;
  EXPECT_THAT(Replay(usage_, limits), SizeIs(2));
}

TEST(UsageTest, ForgetsOldDaysUnlessAllAreWanted) {
  Usage recent;
  Usage all(std::nullopt);
  for (Usage* const usage : {&recent, &all}) {
    for (int i = 0; i < 25; ++i) usage->Add(At(1, 9), Key(1));
    usage->Add(At(1, 9) + absl::Hours(24 * (kHistoryDays + 1)), Key(2));
  }
  EXPECT_THAT(Replay(recent, {}), IsEmpty());
  EXPECT_EQ(recent.hours().size(), 1u);
  EXPECT_THAT(Replay(all, {}), SizeIs(1));
  EXPECT_EQ(all.hours().size(), 2u);
}

}  // namespace
}  // namespace postern::supervision
