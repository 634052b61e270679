#include "server/delivery/backlog_window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern::delivery {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

WindowEntry Record(int64_t seq, uint8_t key) {
  WindowEntry entry;
  entry.payload.seq = seq;
  entry.payload.record_key[0] = key;
  entry.bytes = std::make_shared<const std::string>("bytes");
  return entry;
}

storage::Mac16 Key(uint8_t key) {
  storage::Mac16 mac{};
  mac[0] = key;
  return mac;
}

TEST(BacklogWindowTest, OneRecordOfAKeyAtATimeInOrder) {
  BacklogWindow window(0);
  window.Add(Record(1, 'a'));
  window.Add(Record(2, 'a'));
  window.Add(Record(3, 'b'));
  EXPECT_THAT(window.ready(), ElementsAre(1, 3));
  window.HandOut(1);
  EXPECT_THAT(window.ready(), ElementsAre(3));
  window.Remove(1);
  EXPECT_THAT(window.ready(), ElementsAre(2, 3));
}

TEST(BacklogWindowTest, TheWatermarkStopsBeforeTheFirstThatHasNotEnded) {
  BacklogWindow window(10);
  EXPECT_EQ(window.Watermark(), 10);
  window.Add(Record(12, 'a'));
  window.Add(Record(15, 'b'));
  window.Add(Record(19, 'c'));
  window.HandOut(12);
  window.HandOut(15);
  EXPECT_EQ(window.Watermark(), 11);
  window.Remove(15);
  EXPECT_EQ(window.Watermark(), 11);
  window.Remove(12);
  EXPECT_EQ(window.Watermark(), 18);
  window.Remove(19);
  EXPECT_EQ(window.Watermark(), 19);
}

TEST(BacklogWindowTest, ABlockedKeyHoldsItsLaterRecordsAndTheWatermark) {
  BacklogWindow window(0);
  window.Add(Record(1, 'a'));
  window.Add(Record(2, 'a'));
  window.Add(Record(3, 'b'));
  window.HandOut(1);
  window.Remove(1);
  window.Block(Key('a'));
  window.Add(Record(4, 'a'));
  EXPECT_THAT(window.ready(), ElementsAre(3));
  EXPECT_EQ(window.records(), 1);
  window.Remove(3);
  EXPECT_EQ(window.Watermark(), 1);
  // After the dead letter is gone, what it held back is read again.
  window.Unblock(Key('a'));
  EXPECT_TRUE(window.held_back());
  window.Add(Record(5, 'a'));
  EXPECT_THAT(window.ready(), IsEmpty()) << "a later one must not overtake";
  EXPECT_EQ(window.Watermark(), 1);
  window.DropIdle();
  EXPECT_FALSE(window.held_back());
  EXPECT_EQ(window.loaded_to(), 1);
  window.Add(Record(2, 'a'));
  EXPECT_THAT(window.ready(), ElementsAre(2));
}

// As after a restart: older positions are read first, and the replayed one has a newer position than they.
TEST(BacklogWindowTest, AReplayedRecordGoesBeforeTheOthersOfItsKey) {
  BacklogWindow window(0);
  window.LetPass(Key('a'), 9);
  window.Add(Record(2, 'a'));
  window.Add(Record(3, 'b'));
  window.Add(Record(9, 'a'));
  window.Add(Record(10, 'a'));
  EXPECT_THAT(window.ready(), ElementsAre(3, 9));
  window.HandOut(9);
  window.Remove(9);
  window.Remove(3);
  EXPECT_EQ(window.Watermark(), 1);
  EXPECT_TRUE(window.held_back());
  window.DropIdle();
  EXPECT_EQ(window.loaded_to(), 1);
  window.Add(Record(2, 'a'));
  window.Add(Record(10, 'a'));
  EXPECT_THAT(window.ready(), ElementsAre(2));
}

TEST(BacklogWindowTest, AReplayedRecordThatBecomesADeadLetterAgainStillHoldsTheOthers) {
  BacklogWindow window(0);
  window.LetPass(Key('a'), 9);
  window.Add(Record(2, 'a'));
  window.Add(Record(9, 'a'));
  window.HandOut(9);
  window.Remove(9);
  window.Block(Key('a'));
  EXPECT_EQ(window.Watermark(), 1);
  window.DropIdle();
  window.Add(Record(2, 'a'));
  EXPECT_THAT(window.ready(), IsEmpty());
  window.Unblock(Key('a'));
  window.DropIdle();
  window.Add(Record(2, 'a'));
  EXPECT_THAT(window.ready(), ElementsAre(2));
}

TEST(BacklogWindowTest, ReachesAsFarAsRecordsAndBytesGoOverAllThatIsNotOnItsWay) {
  BacklogWindow window(0);
  for (const int64_t seq : {1, 2, 3}) window.Add(Record(seq, 'a'));  // 1 is ready
  window.Add(Record(4, 'b'));
  window.Add(Record(5, 'c'));
  EXPECT_EQ(window.Reach(0, 100), 0);
  EXPECT_EQ(window.Reach(3, 100), 1);
  EXPECT_EQ(window.Reach(4, 100), 4);
  EXPECT_EQ(window.Reach(9, 100), 5);
  EXPECT_EQ(window.Reach(9, 24), 4) << "five bytes a record";
  EXPECT_EQ(window.Reach(9, 4), 0);
  window.HandOut(1);
  EXPECT_EQ(window.idle(), 4);
  EXPECT_EQ(window.Reach(2, 100), 0);
  EXPECT_EQ(window.Reach(3, 100), 4);
}

TEST(BacklogWindowTest, ARetryWaitsAndKeepsItsPlace) {
  BacklogWindow window(0);
  window.Add(Record(1, 'a'));
  window.Add(Record(2, 'a'));
  window.HandOut(1);
  const absl::Time later = absl::UnixEpoch() + absl::Seconds(5);
  EXPECT_TRUE(window.GiveBack(1, later, /*asked=*/true));
  EXPECT_THAT(window.ready(), IsEmpty());
  EXPECT_FALSE(window.Wake(later - absl::Seconds(1)));
  EXPECT_TRUE(window.Wake(later));
  EXPECT_THAT(window.ready(), ElementsAre(1));
  EXPECT_EQ(window.attempts(1), 1);
  EXPECT_EQ(window.retries(1), 1);
}

TEST(BacklogWindowTest, DroppingWhatIsIdleKeepsWhatIsOnItsWay) {
  BacklogWindow window(0);
  window.Add(Record(1, 'a'));
  window.Add(Record(2, 'b'));
  window.Add(Record(3, 'a'));
  window.HandOut(1);
  window.DropIdle();
  EXPECT_EQ(window.records(), 1);
  EXPECT_EQ(window.in_flight(), 1);
  EXPECT_EQ(window.bytes(), 5);
  EXPECT_EQ(window.loaded_to(), 0);
  window.Add(Record(2, 'b'));
  window.Add(Record(3, 'a'));
  EXPECT_THAT(window.ready(), ElementsAre(2));
  window.Remove(1);
  EXPECT_THAT(window.ready(), ElementsAre(2, 3));
}

}  // namespace
}  // namespace postern::delivery
