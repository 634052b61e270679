#include <utility>

#include "gmock/gmock.h"
#include "tests/unit/server/storage/store_fixture.h"

namespace postern::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

std::vector<std::pair<int64_t, v1::DisclosureState>> Lines(const std::vector<OutcomeRow>& rows) {
  std::vector<std::pair<int64_t, v1::DisclosureState>> lines;
  for (const OutcomeRow& row : rows) lines.emplace_back(row.disclosure.seq, row.state);
  return lines;
}

// Reads the feed in pages of `limit`, resuming after each.
std::vector<OutcomeRow> ReadInPages(Store& store, int limit) {
  std::vector<OutcomeRow> all;
  int64_t after = 0;
  while (true) {
    std::vector<OutcomeRow> page = Value(store.ReadOutcomes(after, limit));
    if (page.empty()) return all;
    for (OutcomeRow& row : page) {
      EXPECT_GT(row.position, after);
      after = row.position;
      all.push_back(std::move(row));
    }
  }
}

TEST_P(StoreTest, EveryEndIsToldOnceInOrder) {
  CommitMany(4);
  Dispatch(4);
  Settle(Acknowledgement({1, 3}, 1));
  SettleBatch batch = Ending(2, v1::DISCLOSURE_STATE_DEAD_LETTERED, "rejected");
  batch.acknowledged = {4};
  batch.watermark = 4;
  Settle(batch);
  const std::vector<OutcomeRow> rows = Value(store().ReadOutcomes(0, 100));
  EXPECT_THAT(Lines(rows),
              ElementsAre(Pair(1, v1::DISCLOSURE_STATE_DELIVERED), Pair(3, v1::DISCLOSURE_STATE_DELIVERED),
                          Pair(2, v1::DISCLOSURE_STATE_DEAD_LETTERED), Pair(4, v1::DISCLOSURE_STATE_DELIVERED)));
  EXPECT_EQ(rows[2].reason, "rejected");
  EXPECT_EQ(rows[2].time, At(200));
  EXPECT_EQ(rows[0].time, At(100));
}

TEST_P(StoreTest, FeedResumesAnywhere) {
  CommitMany(7);
  Dispatch(4);
  Settle(Acknowledgement({1, 2, 3}, 3));
  Settle(Ending(6, v1::DISCLOSURE_STATE_WITHDRAWN, "gone"));
  ChangeSet change;
  change.end_backlog = ChangeSet::EndBacklog{1, "terminated", At(300)};
  ASSERT_TRUE(store().Apply(change).ok());
  Settle(Acknowledgement({4}, 4));
  Reopen();
  const auto expected =
      ElementsAre(Pair(1, v1::DISCLOSURE_STATE_DELIVERED), Pair(2, v1::DISCLOSURE_STATE_DELIVERED),
                  Pair(3, v1::DISCLOSURE_STATE_DELIVERED), Pair(6, v1::DISCLOSURE_STATE_WITHDRAWN),
                  Pair(4, v1::DISCLOSURE_STATE_OUTCOME_UNKNOWN), Pair(5, v1::DISCLOSURE_STATE_UNDELIVERED),
                  Pair(7, v1::DISCLOSURE_STATE_UNDELIVERED), Pair(4, v1::DISCLOSURE_STATE_DELIVERED));
  for (int limit = 1; limit <= 9; ++limit) EXPECT_THAT(Lines(ReadInPages(store(), limit)), expected) << limit;
}

TEST_P(StoreTest, EndOfAnEmptyBacklogIsNoOutcome) {
  ChangeSet change;
  change.end_backlog = ChangeSet::EndBacklog{1, "terminated", At(300)};
  ASSERT_TRUE(store().Apply(change).ok());
  EXPECT_THAT(Value(store().ReadOutcomes(0, 10)), IsEmpty());
}

TEST_P(StoreTest, SubmittedResultIsAnOutcomeOnce) {
  CommitMany(1);
  ChangeSet change;
  ChangeSet::SubmittedResult result{1, At(400), "shop.v1.PaymentResult", "sealed result", Id(50), {}};
  change.results = {result};
  ASSERT_TRUE(store().Apply(change).ok());
  EXPECT_REASON(store().Apply(change).status(), ALREADY_EXISTS);
  change.results[0].content_digest.fill(1);
  EXPECT_REASON(store().Apply(change).status(), REQUEST_ID_REUSED);
  change.results[0].seq = 2;
  EXPECT_REASON(store().Apply(change).status(), NOT_FOUND);
  const std::vector<OutcomeRow> rows = Value(store().ReadOutcomes(0, 10));
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].disclosure.seq, 1);
  EXPECT_EQ(rows[0].result_type, "shop.v1.PaymentResult");
  EXPECT_EQ(rows[0].sealed_result, "sealed result");
  EXPECT_EQ(rows[0].time, At(400));
}

TEST_P(StoreTest, LongBatchesSurviveTheirPacking) {
  std::vector<int64_t> odd;
  for (const int64_t seq : CommitMany(600)) {
    if (seq % 2 == 1 || seq > 400) odd.push_back(seq);
  }
  Dispatch(600);
  Settle(Acknowledgement(odd, 0));
  std::vector<int64_t> told;
  for (const OutcomeRow& row : ReadInPages(store(), 37)) told.push_back(row.disclosure.seq);
  EXPECT_EQ(told, odd);
}

}  // namespace
}  // namespace postern::storage
