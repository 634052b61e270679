// What commits leave for statistics, and what is counted of it.
#include <gmock/gmock.h>

#include "tests/unit/server/storage/store_fixture.h"

namespace postern::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Waiting(Store& store, int limit = 100) {
  std::vector<std::string> waiting;
  for (const UncountedDisclosure& entry : Value(store.ListUncounted(limit))) waiting.push_back(entry.observation);
  return waiting;
}

NewDisclosure Observed(NewDisclosure entry, const std::string& observation) {
  entry.observation = observation;
  return entry;
}

TEST_P(StoreTest, EveryCommitLeavesItsLineOnce) {
  const NewDisclosure first = Observed(Entry(), "one");
  NewDisclosure stale = Observed(Entry(), "refused");
  stale.fences = {{FenceScope::Kind::kSubject, std::string(16, 's')}};
  ChangeSet raise;
  raise.raise_fences = stale.fences;
  ASSERT_TRUE(store().Apply(raise).ok());
  CommitAll({first, Observed(Entry(), ""), stale, Observed(Entry(), std::string(300, 'x'))});
  CommitAll({first});  // a retry
  EXPECT_THAT(Waiting(store()), ElementsAre("one", "", std::string(300, 'x')));
  Reopen();
  const auto entries = store().ListUncounted(100);
  ASSERT_EQ(entries->size(), 3u);
  EXPECT_EQ((*entries)[0].seq, 1);
  EXPECT_EQ((*entries)[2].seq, 3);
  EXPECT_EQ((*entries)[0].partner, first.partner);
  EXPECT_EQ((*entries)[0].grant, first.grant);
  EXPECT_EQ((*entries)[0].person, first.subjects.front());
}

TEST_P(StoreTest, WhatIsCountedWaitsNoMoreAndStays) {
  CommitAll({Observed(Entry(), "a"), Observed(Entry(), "b")});
  CommitAll({Observed(Entry(), "c")});
  EXPECT_THAT(Waiting(store(), 1), ElementsAre("a", "b")) << "whole commits";
  ChangeSet change;
  change.statistics.counted_to = 2;
  StatisticsCellRow cell;
  cell.key = {"2026-03", "parcel", "delivery", "logistics", "CH"};
  cell.tally.set_disclosure_count(2);
  change.statistics.cells = {cell};
  StatisticsPeriodRow period;
  period.period = "2026-03";
  period.salt.fill(7);
  change.statistics.periods = {period};
  ASSERT_TRUE(store().Apply(change).ok());
  EXPECT_THAT(Waiting(store()), ElementsAre("c"));

  change.statistics.counted_to = 3;
  change.statistics.cells[0].tally.set_disclosure_count(3);
  change.statistics.periods[0].closed = true;
  ASSERT_TRUE(store().Apply(change).ok());
  Reopen();
  EXPECT_THAT(Waiting(store()), IsEmpty());
  const auto cells = store().ListStatistics({}, 10);
  ASSERT_EQ(cells->size(), 1u);
  EXPECT_TRUE((*cells)[0].key == cell.key);
  EXPECT_EQ((*cells)[0].tally.disclosure_count(), 3);
  EXPECT_THAT(*store().ListStatistics(cell.key, 10), IsEmpty());
  const auto periods = store().ListStatisticsPeriods();
  ASSERT_EQ(periods->size(), 1u);
  EXPECT_TRUE((*periods)[0].closed);
  EXPECT_EQ((*periods)[0].salt, (std::array<uint8_t, 16>{})) << "the salt is gone";
}

}  // namespace
}  // namespace postern::storage
