#include "server/supervision/acknowledgements.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern::supervision {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Finding = v1::SupervisionFinding;

absl::Time At(int day, int hour, int minute = 0) {
  return absl::FromCivil(absl::CivilMinute(2027, 3, day, hour, minute), absl::UTCTimeZone());
}

v1::Contract Contract(std::vector<int> hours) {
  v1::Contract contract;
  for (const int hour : hours) contract.mutable_supervision()->add_fetch_hours(hour);
  return contract;
}

TEST(AcknowledgementsTest, TheSlowestOfEachDayIsLate) {
  AcknowledgementHistory history;
  history.Add(At(1, 1), At(2, 1));
  EXPECT_THAT(history.Late(absl::Hours(24)), IsEmpty()) << "a day is no more than a day";
  history.Add(At(1, 1), At(2, 3));
  history.Add(At(1, 1), At(2, 2));
  history.Add(At(1, 1), At(3, 5));
  const std::vector<Finding> findings = history.Late(absl::Hours(24));
  ASSERT_THAT(findings, SizeIs(2));
  EXPECT_EQ(findings[0].detector(), Finding::DETECTOR_LATE_ACKNOWLEDGEMENT);
  EXPECT_EQ(findings[0].value(), 26);
  EXPECT_EQ(findings[0].limit(), 24);
  EXPECT_EQ(findings[0].time().seconds(), absl::ToUnixSeconds(At(2, 3)));
  EXPECT_THAT(findings[0].explanation(), HasSubstr("26 hours after it was disclosed, the slowest on 2027-03-02"));
  EXPECT_EQ(findings[1].value(), 52);
  EXPECT_THAT(history.Late(absl::Hours(30)), SizeIs(1));
}

TEST(AcknowledgementsTest, TheFirstHourOfADayThatNoContractNamesIsOffSchedule) {
  AcknowledgementHistory history;
  history.Add(At(1, 1), At(1, 7, 59));
  history.Add(At(1, 1), At(1, 8));
  history.Add(At(1, 1), At(1, 22));
  history.Add(At(1, 1), At(1, 22, 1));
  history.Add(At(1, 1), At(1, 23));
  history.Add(At(2, 1), At(2, 23));
  const std::vector<Finding> findings = history.OffSchedule({7, 8});
  ASSERT_THAT(findings, SizeIs(2));
  EXPECT_EQ(findings[0].detector(), Finding::DETECTOR_OFF_SCHEDULE);
  EXPECT_EQ(findings[0].value(), 2);
  EXPECT_EQ(findings[0].time().seconds(), absl::ToUnixSeconds(At(1, 22)));
  EXPECT_EQ(findings[1].time().seconds(), absl::ToUnixSeconds(At(2, 23)));
  EXPECT_THAT(history.OffSchedule({7, 8, 22, 23}), IsEmpty());
}

TEST(AcknowledgementsTest, AContractThatNamesNoHourAllowsAny) {
  EXPECT_FALSE(FetchHours({}).has_value());
  EXPECT_FALSE(FetchHours({Contract({1}), Contract({})}).has_value());
  EXPECT_THAT(*FetchHours({Contract({1}), Contract({2, 3})}), ElementsAre(1, 2, 3));
}

}  // namespace
}  // namespace postern::supervision
