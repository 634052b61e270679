#include "gmock/gmock.h"
#include "tests/unit/server/storage/store_fixture.h"

namespace postern::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<int64_t> Seqs(const std::vector<DisclosureRow>& rows) {
  std::vector<int64_t> seqs;
  for (const DisclosureRow& row : rows) seqs.push_back(row.seq);
  return seqs;
}

TEST_P(StoreTest, MarkSeparatesPossiblyHeldFromPendingAndSurvives) {
  CommitMany(3);
  Dispatch(2);
  Reopen();
  EXPECT_EQ(StateOf(2), v1::DISCLOSURE_STATE_POSSIBLY_HELD);
  EXPECT_EQ(StateOf(3), v1::DISCLOSURE_STATE_PENDING);
  EXPECT_EQ(Value(store().ReadLanes(1)).dispatch_mark, 2);
}

TEST_P(StoreTest, MarkNeverGoesBackNorBeyondTheLedger) {
  CommitMany(3);
  Dispatch(2);
  Dispatch(1);
  EXPECT_EQ(Value(store().ReadLanes(1)).dispatch_mark, 2);
  Dispatch(1000);
  EXPECT_EQ(Value(store().ReadLanes(1)).dispatch_mark, 3);
  EXPECT_EQ(StateOf(CommitMany(1)[0]), v1::DISCLOSURE_STATE_PENDING);
}

TEST_P(StoreTest, MarkIsDurableWithTheGroup) {
  CommitAll({Entry(), Entry()}, {DispatchMark{LaneSpan{1}, 1}});
  EXPECT_EQ(StateOf(1), v1::DISCLOSURE_STATE_POSSIBLY_HELD);
  EXPECT_EQ(StateOf(2), v1::DISCLOSURE_STATE_PENDING);
}

TEST_P(StoreTest, OnlyTheSpanOfAllLanesIsTaken) {
  CommitMany(1);
  EXPECT_REASON(store().ReserveDispatch({DispatchMark{LaneSpan{1, 0, 31}, 1}}), INVALID_ARGUMENT);
}

TEST_P(StoreTest, AcknowledgedPayloadsGoByWatermark) {
  CommitMany(4, 1);
  CommitMany(2, 2);
  Dispatch(4);
  Settle(Acknowledgement({1, 2, 3}, 3));
  EXPECT_THAT(Backlog(1), ElementsAre(4));
  EXPECT_THAT(Backlog(2), ElementsAre(5, 6));
  EXPECT_EQ(StateOf(3), v1::DISCLOSURE_STATE_DELIVERED);
  EXPECT_EQ(StateOf(4), v1::DISCLOSURE_STATE_POSSIBLY_HELD);
  EXPECT_EQ(Value(store().ReadLanes(1)).watermark, 3);
  EXPECT_EQ(Value(store().ReadLanes(2)).watermark, 0);
}

TEST_P(StoreTest, AcknowledgementsAboveTheWatermarkAreExceptions) {
  CommitMany(5);
  Dispatch(5);
  Settle(Acknowledgement({2, 4}, 0));
  EXPECT_THAT(Backlog(), ElementsAre(1, 3, 5));
  EXPECT_THAT(Value(store().ReadSettledAbove(1, 0)), ElementsAre(2, 4));
  EXPECT_EQ(StateOf(2), v1::DISCLOSURE_STATE_DELIVERED);
  EXPECT_EQ(StateOf(3), v1::DISCLOSURE_STATE_POSSIBLY_HELD);
  Settle(Acknowledgement({1}, 2));
  Reopen();
  EXPECT_THAT(Value(store().ReadSettledAbove(1, 2)), ElementsAre(4));
  EXPECT_THAT(Backlog(), ElementsAre(3, 5));
  EXPECT_EQ(Value(store().CountBacklog(1)).delivered, 3);
}

TEST_P(StoreTest, RepeatedAcknowledgementsCountOnce) {
  CommitMany(3);
  Dispatch(3);
  Settle(Acknowledgement({2}, 0));
  Settle(Acknowledgement({2}, 0));
  Settle(Acknowledgement({1, 2}, 2));
  Settle(Acknowledgement({1, 2}, 2));
  EXPECT_EQ(Value(store().CountBacklog(1)).delivered, 2);
  EXPECT_EQ(Value(store().ReadOutcomes(0, 100)).size(), 2u);
}

TEST_P(StoreTest, CountsFollowTheQueue) {
  CommitMany(6);
  Dispatch(4);
  Settle(Acknowledgement({1, 3}, 1));
  Settle(Ending(6, v1::DISCLOSURE_STATE_WITHDRAWN, "gone"));
  const Store::BacklogCounts counts = Value(store().CountBacklog(1));
  EXPECT_EQ(counts.delivered, 2);
  EXPECT_EQ(counts.possibly_held, 2);
  EXPECT_EQ(counts.undelivered, 1);
  EXPECT_EQ(counts.total, 6);
}

TEST_P(StoreTest, SettlementEndsARecordForGood) {
  CommitMany(3);
  Settle(Ending(2, v1::DISCLOSURE_STATE_WITHDRAWN, "ERROR_REASON_KEY_SHREDDED"));
  Reopen();
  EXPECT_THAT(Backlog(), ElementsAre(1, 3));
  EXPECT_EQ(RowAt(2).state, v1::DISCLOSURE_STATE_WITHDRAWN);
  EXPECT_EQ(RowAt(2).reason, "ERROR_REASON_KEY_SHREDDED");
  EXPECT_THAT(Value(store().ReadSettledAbove(1, 0)), ElementsAre(2));
  Dispatch(3);
  Settle(Acknowledgement({1, 2, 3}, 3));
  EXPECT_EQ(StateOf(2), v1::DISCLOSURE_STATE_WITHDRAWN);
  EXPECT_EQ(Value(store().CountBacklog(1)).delivered, 2);
  Settle(Ending(1, v1::DISCLOSURE_STATE_WITHDRAWN, "too late"));
  EXPECT_EQ(StateOf(1), v1::DISCLOSURE_STATE_DELIVERED);
}

TEST_P(StoreTest, SettlementOfAnothersRecordIsRefusedWhole) {
  CommitMany(1, 1);
  CommitMany(1, 2);
  SettleBatch batch = Acknowledgement({1}, 1);
  batch.settlements = {{2, v1::DISCLOSURE_STATE_WITHDRAWN, ""}};
  EXPECT_REASON(store().Settle({batch}), NOT_FOUND);
  EXPECT_EQ(StateOf(1), v1::DISCLOSURE_STATE_PENDING);
  EXPECT_THAT(Backlog(), ElementsAre(1));
}

TEST_P(StoreTest, BacklogIsReadInPages) {
  CommitMany(5);
  const auto page = [this](int64_t after, int limit, int64_t bytes) {
    std::vector<int64_t> seqs;
    for (const PendingPayload& payload : Value(store().ReadBacklog(1, after, limit, bytes)))
      seqs.push_back(payload.seq);
    return seqs;
  };
  EXPECT_THAT(page(0, 2, 1 << 20), ElementsAre(1, 2));
  EXPECT_THAT(page(2, 10, 1 << 20), ElementsAre(3, 4, 5));
  EXPECT_THAT(page(0, 10, 1), ElementsAre(1)) << "one record always fits";
  EXPECT_THAT(page(0, 10, 32), ElementsAre(1, 2));
  EXPECT_THAT(page(5, 10, 1 << 20), IsEmpty());
}

TEST_P(StoreTest, OldPendingPayloadsAreFound) {
  CommitMany(4);
  std::vector<int64_t> seqs;
  for (const PendingPayload& payload : Value(store().ReadPendingOlderThan(1, 0, At(3), 10)))
    seqs.push_back(payload.seq);
  EXPECT_THAT(seqs, ElementsAre(1, 2));
  EXPECT_EQ(Value(store().ReadPendingOlderThan(1, 0, At(30), 3)).size(), 3u);
  EXPECT_EQ(Value(store().ReadPendingOlderThan(1, 3, At(30), 3)).size(), 1u);
}

TEST_P(StoreTest, DeadLetterIsSetAsideAndComesBackUnderANewPosition) {
  const NewDisclosure entry = Entry();
  Commit(entry);
  CommitMany(1);
  Dispatch(2);
  Settle(Ending(1, v1::DISCLOSURE_STATE_DEAD_LETTERED, "ERROR_REASON_PARTNER_FAILED"));
  Settle(Acknowledgement({2}, 2));
  EXPECT_THAT(Backlog(), IsEmpty());
  Reopen();
  const std::vector<DeadLetterRow> letters = Value(store().ListDeadLetters(1, 0, 10));
  ASSERT_EQ(letters.size(), 1u);
  EXPECT_EQ(letters[0].disclosure.id, entry.id);
  EXPECT_EQ(letters[0].reason, "ERROR_REASON_PARTNER_FAILED");
  EXPECT_EQ(letters[0].time, At(200));
  EXPECT_EQ(Value(store().ReadDeadLetter(entry.id)).sealed_payload, entry.sealed_payload);

  EXPECT_EQ(Value(store().ReplayDeadLetter(entry.id, "replay leaf")), 3);
  EXPECT_THAT(Value(store().ReadLeaves(2, 10)), ElementsAre("replay leaf"));
  EXPECT_THAT(Value(store().ListDeadLetters(1, 0, 10)), IsEmpty());
  const std::vector<PendingPayload> backlog = Value(store().ReadBacklog(1, 0, 10, 1 << 20));
  ASSERT_EQ(backlog.size(), 1u);
  EXPECT_EQ(backlog[0].seq, 3);
  EXPECT_EQ(backlog[0].id, entry.id);
  EXPECT_EQ(backlog[0].sealed_payload, entry.sealed_payload);
  EXPECT_TRUE(backlog[0].replayed);
  const std::vector<PendingReplay> replays = Value(store().ListPendingReplays(1));
  ASSERT_EQ(replays.size(), 1u);
  EXPECT_EQ(replays[0].seq, 3);
  EXPECT_EQ(replays[0].record_key, entry.record_key);
  EXPECT_THAT(Value(store().CountPendingOf(1, {Mac(99), entry.record_key})), ElementsAre(0, 1));
  EXPECT_EQ(Value(store().ReadDisclosure(entry.id)).state, v1::DISCLOSURE_STATE_PENDING);
  EXPECT_THAT(Seqs(Value(store().ListDisclosures(1, 0, 10))), ElementsAre(3, 2));
  EXPECT_THAT(Seqs(Value(store().ListHeld(1, 0, 10, 10))), ElementsAre(1, 2)) << "it was handed over once";
  EXPECT_EQ(Value(store().CountBacklog(1)).total, 2);
  EXPECT_EQ(Value(store().CountBacklog(1)).undelivered, 1);
  EXPECT_REASON(store().ReplayDeadLetter(entry.id, "leaf").status(), NOT_FOUND);

  Dispatch(3);
  Settle(Ending(3, v1::DISCLOSURE_STATE_DEAD_LETTERED, "again"));
  EXPECT_THAT(Value(store().ListPendingReplays(1)), IsEmpty());
  EXPECT_EQ(Value(store().ReplayDeadLetter(entry.id, "second replay")), 4);
  EXPECT_EQ(Value(store().ReadDisclosure(entry.id)).seq, 4);
  EXPECT_STATUS_OK(store().Check());
}

TEST_P(StoreTest, DroppedDeadLetterIsGone) {
  const NewDisclosure entry = Entry();
  Commit(entry);
  EXPECT_REASON(store().DropDeadLetter(entry.id, "leaf"), NOT_FOUND);
  Settle(Ending(1, v1::DISCLOSURE_STATE_DEAD_LETTERED, "rejected"));
  EXPECT_STATUS_OK(store().DropDeadLetter(entry.id, "drop leaf"));
  EXPECT_EQ(StateOf(1), v1::DISCLOSURE_STATE_DEAD_LETTERED);
  EXPECT_REASON(store().ReadDeadLetter(entry.id).status(), NOT_FOUND);
  EXPECT_THAT(Value(store().ReadLeaves(1, 10)), ElementsAre("drop leaf")) << "a refused drop leaves no trace";
}

TEST_P(StoreTest, WithdrawnDeadLetterIsAnOutcome) {
  const NewDisclosure entry = Entry();
  Commit(entry);
  EXPECT_REASON(store().WithdrawDeadLetter(entry.id, "why", At(300), "leaf"), NOT_FOUND);
  Dispatch(1);
  Settle(Ending(1, v1::DISCLOSURE_STATE_DEAD_LETTERED, "rejected"));
  EXPECT_STATUS_OK(store().WithdrawDeadLetter(entry.id, "why", At(300), "withdraw leaf"));
  Reopen();
  const DisclosureRow row = Value(store().ReadDisclosure(entry.id));
  EXPECT_EQ(row.state, v1::DISCLOSURE_STATE_WITHDRAWN);
  EXPECT_EQ(row.reason, "why");
  EXPECT_THAT(Seqs(Value(store().ListHeld(1, 0, 10, 10))), ElementsAre(1)) << "the partner has read it";
  const std::vector<OutcomeRow> outcomes = Value(store().ReadOutcomes(0, 10));
  ASSERT_EQ(outcomes.size(), 2u);
  EXPECT_EQ(outcomes[1].state, v1::DISCLOSURE_STATE_WITHDRAWN);
  EXPECT_EQ(outcomes[1].time, At(300));
  EXPECT_REASON(store().ReadDeadLetter(entry.id).status(), NOT_FOUND);
  EXPECT_REASON(store().WithdrawDeadLetter(entry.id, "why", At(300), "leaf"), NOT_FOUND);
  EXPECT_STATUS_OK(store().Check());
}

TEST_P(StoreTest, HeldIsWhatWasHandedOverOrAcknowledged) {
  CommitMany(4);  // 1 acknowledged, 2 withdrawn before, 3 in flight, 4 pending
  std::vector<NewDisclosure> exchanges = {Entry(), Entry()};
  for (NewDisclosure& exchange : exchanges) exchange.exchange = true;
  CommitAll(exchanges);  // 5 delivered, 6 failed
  Settle(Ending(2, v1::DISCLOSURE_STATE_WITHDRAWN, ""));
  Dispatch(3);
  Settle(Acknowledgement({1}, 1));
  Settle(Ending(5, v1::DISCLOSURE_STATE_DELIVERED, ""));
  Settle(Ending(6, v1::DISCLOSURE_STATE_FAILED, ""));
  EXPECT_THAT(Seqs(Value(store().ListHeld(1, 0, 100, 100))), ElementsAre(1, 3, 5));
  EXPECT_THAT(Seqs(Value(store().ListHeld(1, 1, 3, 100))), ElementsAre(3));
  EXPECT_THAT(Seqs(Value(store().ListHeld(1, 0, 100, 2))), ElementsAre(1, 3));
}

TEST_P(StoreTest, ARecordEndedAfterHandoverIsHeld) {
  CommitMany(1);
  Dispatch(1);
  Settle(Ending(1, v1::DISCLOSURE_STATE_UNDELIVERED, "max_pending_hours"));
  EXPECT_THAT(Seqs(Value(store().ListHeld(1, 0, 100, 100))), ElementsAre(1));
}

TEST_P(StoreTest, EndedBacklogIsUndeliveredWhereItWasNotHandedOver) {
  CommitMany(6, 1);  // 1 acknowledged, 2 in flight, 3 withdrawn, 4 dead letter, 5 and 6 pending
  CommitMany(1, 2);
  Dispatch(2);
  Settle(Acknowledgement({1}, 1));
  Settle(Ending(3, v1::DISCLOSURE_STATE_WITHDRAWN, "gone"));
  Settle(Ending(4, v1::DISCLOSURE_STATE_DEAD_LETTERED, "rejected"));
  ChangeSet change;
  change.end_backlog = ChangeSet::EndBacklog{1, "ERROR_REASON_PARTNER_TERMINATED", At(300)};
  ASSERT_TRUE(store().Apply(change).ok());
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(Backlog(1), IsEmpty());
    EXPECT_THAT(Backlog(2), ElementsAre(7));
    EXPECT_THAT(Value(store().ListDeadLetters(1, 0, 10)), IsEmpty());
    EXPECT_EQ(StateOf(1), v1::DISCLOSURE_STATE_DELIVERED);
    EXPECT_EQ(RowAt(2).state, v1::DISCLOSURE_STATE_OUTCOME_UNKNOWN);
    EXPECT_EQ(RowAt(2).reason, "ERROR_REASON_PARTNER_TERMINATED");
    EXPECT_EQ(StateOf(3), v1::DISCLOSURE_STATE_WITHDRAWN);
    EXPECT_EQ(StateOf(4), v1::DISCLOSURE_STATE_DEAD_LETTERED);
    EXPECT_EQ(RowAt(5).state, v1::DISCLOSURE_STATE_UNDELIVERED);
    EXPECT_EQ(RowAt(6).reason, "ERROR_REASON_PARTNER_TERMINATED");
    EXPECT_THAT(Seqs(Value(store().ListHeld(1, 0, 100, 100))), ElementsAre(1, 2));
    const Store::BacklogCounts counts = Value(store().CountBacklog(1));
    EXPECT_EQ(counts.possibly_held, 1);
    EXPECT_EQ(counts.undelivered, 2);
    Reopen();
  }
  EXPECT_REASON(store().ReserveDispatch({DispatchMark{LaneSpan{1}, 6}}), FENCED);
  EXPECT_EQ(StateOf(6), v1::DISCLOSURE_STATE_UNDELIVERED);
  EXPECT_EQ(StateOf(7), v1::DISCLOSURE_STATE_PENDING);
  EXPECT_STATUS_OK(store().Check());
}

TEST_P(StoreTest, WhatComesAfterAnEndedBacklogIsPendingAgain) {
  CommitMany(2);
  ChangeSet change;
  change.end_backlog = ChangeSet::EndBacklog{1, "first", At(300)};
  ASSERT_TRUE(store().Apply(change).ok());
  CommitMany(3);
  EXPECT_THAT(Backlog(), ElementsAre(3, 4, 5));
  Dispatch(4);
  Settle(Acknowledgement({3}, 3));
  EXPECT_EQ(StateOf(2), v1::DISCLOSURE_STATE_UNDELIVERED) << "a watermark does not deliver what was ended";
  EXPECT_EQ(StateOf(3), v1::DISCLOSURE_STATE_DELIVERED);
  change.end_backlog->reason = "second";
  ASSERT_TRUE(store().Apply(change).ok());
  EXPECT_EQ(RowAt(1).reason, "first");
  EXPECT_EQ(RowAt(5).reason, "second");
  EXPECT_EQ(StateOf(4), v1::DISCLOSURE_STATE_OUTCOME_UNKNOWN);
  EXPECT_THAT(Seqs(Value(store().ListHeld(1, 0, 100, 100))), ElementsAre(3, 4));
  const Store::BacklogCounts counts = Value(store().CountBacklog(1));
  EXPECT_EQ(counts.delivered, 1);
  EXPECT_EQ(counts.possibly_held, 1);
  EXPECT_EQ(counts.undelivered, 3);
}

TEST_P(StoreTest, ABacklogThatWasAllHandedOverEndsToo) {
  const NewDisclosure letter = Entry();
  Commit(letter);
  CommitMany(1);
  Dispatch(2);
  Settle(Ending(1, v1::DISCLOSURE_STATE_DEAD_LETTERED, "rejected"));
  ChangeSet change;
  change.end_backlog = ChangeSet::EndBacklog{1, "terminated", At(300)};
  ASSERT_TRUE(store().Apply(change).ok());
  EXPECT_THAT(Backlog(), IsEmpty());
  EXPECT_REASON(store().ReplayDeadLetter(letter.id, "leaf").status(), NOT_FOUND);
  EXPECT_EQ(StateOf(2), v1::DISCLOSURE_STATE_OUTCOME_UNKNOWN);
  ASSERT_TRUE(store().Apply(change).ok()) << "nothing new";
  EXPECT_EQ(Value(store().CountBacklog(1)).possibly_held, 1);
  Settle(Acknowledgement({2}, 2));
  EXPECT_EQ(StateOf(2), v1::DISCLOSURE_STATE_DELIVERED) << "the acknowledgement was on its way";
  EXPECT_EQ(Value(store().CountBacklog(1)).possibly_held, 0);
}

TEST_P(StoreTest, ARefusedExchangeIsHeldAndCounted) {
  std::vector<NewDisclosure> exchanges = {Entry(), Entry()};
  for (NewDisclosure& exchange : exchanges) exchange.exchange = true;
  CommitAll(exchanges);
  Settle(Ending(1, v1::DISCLOSURE_STATE_FAILED, "ERROR_REASON_PARTNER_FAILED"));
  Settle(Ending(2, v1::DISCLOSURE_STATE_FAILED, "ERROR_REASON_PARTNER_UNREACHABLE"));
  EXPECT_THAT(Seqs(Value(store().ListHeld(1, 0, 100, 100))), ElementsAre(1)) << "the partner read what it refused";
  EXPECT_EQ(Value(store().CountBacklog(1)).possibly_held, 1);
}

TEST_P(StoreTest, AnExchangeIsOpenUntilSomethingIsSettledOfIt) {
  std::vector<NewDisclosure> exchanges = {Entry(1), Entry(2), Entry(1)};
  for (NewDisclosure& exchange : exchanges) exchange.exchange = true;
  CommitAll(exchanges);
  Settle(Ending(1, v1::DISCLOSURE_STATE_OUTCOME_UNKNOWN, ""));
  Reopen();
  EXPECT_THAT(Seqs(Value(store().ListOpenExchanges())), ElementsAre(3, 2));
  ChangeSet change;
  change.end_backlog = ChangeSet::EndBacklog{1, "terminated", At(300)};
  ASSERT_TRUE(store().Apply(change).ok());
  EXPECT_THAT(Seqs(Value(store().ListOpenExchanges())), ElementsAre(2));
  EXPECT_EQ(RowAt(3).state, v1::DISCLOSURE_STATE_OUTCOME_UNKNOWN);
  EXPECT_EQ(RowAt(3).reason, "terminated");
  EXPECT_THAT(Seqs(Value(store().ListHeld(1, 0, 100, 100))), ElementsAre(1, 3));
  EXPECT_EQ(Value(store().CountBacklog(1)).possibly_held, 2);
  Settle(Ending(3, v1::DISCLOSURE_STATE_OUTCOME_UNKNOWN, ""));
  Settle(Ending(3, v1::DISCLOSURE_STATE_DELIVERED, ""));
  EXPECT_EQ(Value(store().CountBacklog(1)).possibly_held, 1);
  std::vector<v1::DisclosureState> told;
  for (const OutcomeRow& row : Value(store().ReadOutcomes(0, 100))) told.push_back(row.state);
  EXPECT_THAT(told, ElementsAre(v1::DISCLOSURE_STATE_OUTCOME_UNKNOWN, v1::DISCLOSURE_STATE_OUTCOME_UNKNOWN,
                                v1::DISCLOSURE_STATE_DELIVERED))
      << "the same uncertainty is told once";
}

}  // namespace
}  // namespace postern::storage
