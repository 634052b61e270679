#include "server/statistics/tally.h"

#include <gtest/gtest.h>

#include <limits>

namespace postern::statistics {
namespace {

storage::Mac16 Person(int number) {
  storage::Mac16 person{};
  person[0] = static_cast<uint8_t>(number);
  person[1] = static_cast<uint8_t>(number >> 8);
  return person;
}

class TallyTest : public ::testing::Test {
 protected:
  void Add(int person) { AddDisclosure(TagOf(salt_, Person(person)), &tally_); }
  void Add(int person, int64_t value, const std::string& unit = "EUR") {
    v1::StatisticsObservation::Amount amount;
    amount.set_measure("paid");
    amount.set_unit(unit);
    amount.set_value(value);
    AddAmount(TagOf(salt_, Person(person)), amount, &tally_);
  }

  Salt salt_{1, 2, 3};
  v1::StatisticsTally tally_;
};

TEST_F(TallyTest, CountsDisclosuresAndPeople) {
  for (int i = 0; i < 30; ++i) Add(i % 3);
  EXPECT_EQ(tally_.disclosure_count(), 30);
  EXPECT_EQ(tally_.people_count(), 3);
  v1::StatisticsCell cell;
  EXPECT_FALSE(Tell(tally_, 4, &cell));
  EXPECT_TRUE(Tell(tally_, 3, &cell));
  EXPECT_EQ(cell.disclosure_count(), 30);
}

TEST_F(TallyTest, ForgetsWhoTheyWereOnceTheyAreEnough) {
  for (int i = 0; i < kMostGroupSize - 1; ++i) Add(i);
  EXPECT_EQ(tally_.tags().size(), static_cast<size_t>(8 * (kMostGroupSize - 1)));
  Add(1000);
  EXPECT_EQ(tally_.tags(), "");
  EXPECT_EQ(tally_.people_count(), kMostGroupSize);
  Add(1001);
  EXPECT_EQ(tally_.people_count(), kMostGroupSize);
  EXPECT_EQ(tally_.disclosure_count(), kMostGroupSize + 1);
}

TEST_F(TallyTest, TagsAreOfTheSaltAndGoWithThePeriod) {
  const Salt other{9};
  EXPECT_NE(TagOf(salt_, Person(1)), TagOf(other, Person(1)));
  EXPECT_NE(TagOf(salt_, Person(1)), TagOf(salt_, Person(2)));
  Add(1);
  Add(1, 5);
  DropTags(&tally_);
  EXPECT_EQ(tally_.SerializeAsString().find(TagOf(salt_, Person(1))), std::string::npos);
  EXPECT_EQ(tally_.people_count(), 1);
  EXPECT_EQ(tally_.sums(0).people_count(), 1);
}

TEST_F(TallyTest, ASumIsOfEnoughPeopleOrIsNotTold) {
  for (int i = 0; i < 5; ++i) {
    Add(i);
    Add(i, 100 + i);
  }
  for (int i = 0; i < 10; ++i) Add(0, 100, "CHF");
  v1::StatisticsCell cell;
  ASSERT_TRUE(Tell(tally_, 5, &cell));
  ASSERT_EQ(cell.sums_size(), 1);
  EXPECT_EQ(cell.sums(0).unit(), "EUR");
  EXPECT_EQ(cell.sums(0).value(), 510);
  EXPECT_EQ(cell.sums(0).disclosure_count(), 5);
}

TEST_F(TallyTest, ASumThatOneDisclosureMakesUpIsNotTold) {
  for (int i = 0; i < 5; ++i) Add(i);
  for (int i = 0; i < 4; ++i) Add(i, -10);
  Add(4, -41);
  v1::StatisticsCell cell;
  ASSERT_TRUE(Tell(tally_, 5, &cell));
  EXPECT_EQ(cell.sums_size(), 0);
  Add(3, -1);  // 41 of 82 is half
  cell.Clear();
  ASSERT_TRUE(Tell(tally_, 5, &cell));
  ASSERT_EQ(cell.sums_size(), 1);
  EXPECT_EQ(cell.sums(0).value(), -82);
}

TEST_F(TallyTest, ASumEndsAtTheEndOfItsType) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  Add(1, kMost);
  Add(2, kMost);
  EXPECT_EQ(tally_.sums(0).value(), kMost);
  Add(3, std::numeric_limits<int64_t>::min(), "CHF");
  Add(4, -1, "CHF");
  EXPECT_EQ(tally_.sums(1).value(), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(tally_.sums(1).largest(), uint64_t{1} << 63);
}

}  // namespace
}  // namespace postern::statistics
