#include "gmock/gmock.h"
#include "server/crypto/merkle.h"
#include "tests/unit/server/storage/store_fixture.h"

namespace postern::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_P(StoreTest, CommittedEntryIsReadBackWhole) {
  const NewDisclosure entry = Entry();
  const CommitResult result = CommitAll({entry})[0];
  EXPECT_EQ(result.seq, 1);
  EXPECT_EQ(result.id, entry.id);
  EXPECT_EQ(result.leaf_index, 0u);
  EXPECT_EQ(result.leaf_hash, crypto::MerkleLeafHash(entry.audit_leaf));

  const DisclosureRow row = Value(store().ReadDisclosure(entry.id));
  EXPECT_EQ(row.seq, 1);
  EXPECT_EQ(row.partner, entry.partner);
  EXPECT_EQ(row.grant, entry.grant);
  EXPECT_EQ(row.lane, entry.lane);
  EXPECT_EQ(row.time, entry.time);
  EXPECT_EQ(row.state, v1::DISCLOSURE_STATE_PENDING);
  EXPECT_EQ(row.record_key, entry.record_key);
  EXPECT_EQ(row.subjects, entry.subjects);
  EXPECT_EQ(row.key_ids, entry.key_ids);
  EXPECT_EQ(row.order, entry.order);
  EXPECT_EQ(row.handle, entry.handle);
  EXPECT_EQ(row.withheld_bits, entry.withheld_bits);
  EXPECT_EQ(row.sealed_salt, entry.sealed_salt);
  EXPECT_EQ(row.request_id, entry.request_id);
  EXPECT_FALSE(row.exchange);

  const std::vector<PendingPayload> backlog = Value(store().ReadBacklog(1, 0, 10, 1 << 20));
  ASSERT_EQ(backlog.size(), 1u);
  EXPECT_EQ(backlog[0].id, entry.id);
  EXPECT_EQ(backlog[0].sealed_payload, entry.sealed_payload);
  EXPECT_EQ(backlog[0].key_ids, entry.key_ids);
  EXPECT_EQ(backlog[0].handle, entry.handle);
  EXPECT_EQ(backlog[0].grant, entry.grant);
}

TEST_P(StoreTest, PositionsAndLeavesFollowTheGroup) {
  const std::vector<CommitResult> results = CommitAll({Entry(1), Entry(2), Entry(1)});
  for (size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i].seq, static_cast<int64_t>(i) + 1);
    EXPECT_EQ(results[i].leaf_index, i);
  }
  EXPECT_EQ(Value(store().ReadLastSeq()), 3);
  EXPECT_THAT(Backlog(1), ElementsAre(1, 3));
  EXPECT_THAT(Backlog(2), ElementsAre(2));
}

TEST_P(StoreTest, RepeatedRequestGetsTheOriginal) {
  const NewDisclosure entry = Entry();
  const CommitResult original = CommitAll({entry})[0];
  NewDisclosure again = Entry();
  again.request_id = entry.request_id;
  again.content_digest = entry.content_digest;
  Reopen();
  const CommitResult replayed = CommitAll({again})[0];
  EXPECT_STATUS_OK(replayed.status);
  EXPECT_TRUE(replayed.replayed);
  EXPECT_EQ(replayed.seq, original.seq);
  EXPECT_EQ(replayed.id, entry.id);
  EXPECT_EQ(replayed.leaf_index, original.leaf_index);
  EXPECT_EQ(replayed.leaf_hash, original.leaf_hash);
  EXPECT_EQ(replayed.time, entry.time);
  EXPECT_EQ(Value(store().ReadTreeHead()).size, 1u);
  EXPECT_THAT(Backlog(), ElementsAre(1));
}

TEST_P(StoreTest, RepeatedRequestWithOtherContentIsRefused) {
  const NewDisclosure entry = Entry();
  Commit(entry);
  NewDisclosure other = Entry();
  other.request_id = entry.request_id;
  EXPECT_REASON(CommitAll({other})[0].status, REQUEST_ID_REUSED);
  EXPECT_EQ(Value(store().ReadLastSeq()), 1);
}

TEST_P(StoreTest, OneRequestMayGoToTwoTargetsAndTwoPrincipalsMayChooseOneId) {
  const NewDisclosure entry = Entry(1);
  NewDisclosure other_target = Entry(2);
  other_target.request_id = entry.request_id;
  NewDisclosure other_principal = Entry(1);
  other_principal.request_id = entry.request_id;
  other_principal.principal = Mac(77);
  for (const CommitResult& result : CommitAll({entry, other_target, other_principal})) {
    EXPECT_STATUS_OK(result.status);
    EXPECT_FALSE(result.replayed);
  }
}

TEST_P(StoreTest, DuplicatesInsideAGroupActAsIfCommittedInSequence) {
  const NewDisclosure entry = Entry();
  NewDisclosure other = Entry();
  other.request_id = entry.request_id;
  const std::vector<CommitResult> results = CommitAll({entry, entry, other});
  EXPECT_STATUS_OK(results[0].status);
  EXPECT_FALSE(results[0].replayed);
  EXPECT_STATUS_OK(results[1].status);
  EXPECT_TRUE(results[1].replayed);
  EXPECT_EQ(results[1].seq, results[0].seq);
  EXPECT_REASON(results[2].status, REQUEST_ID_REUSED);
}

TEST_P(StoreTest, RaisedFenceRefusesWhatWasResolvedBefore) {
  const FenceScope partner_one{FenceScope::Kind::kPartner, "partners/one"};
  const FenceScope subject{FenceScope::Kind::kSubject, "0123456789abcdef"};
  ChangeSet raise;
  raise.raise_fences = {partner_one, subject};
  const AppliedChange applied = Value(store().Apply(raise));
  EXPECT_EQ(applied.fence_version, 1u);
  EXPECT_EQ(Value(store().ReadFenceVersion()), 1u);

  NewDisclosure before = Entry();
  before.fences = {{FenceScope::Kind::kPartner, "partners/two"}, partner_one};
  NewDisclosure by_subject = Entry();
  by_subject.fences = {subject};
  NewDisclosure same_id_other_kind = Entry();
  same_id_other_kind.fences = {{FenceScope::Kind::kRecordKey, "0123456789abcdef"}};
  NewDisclosure after = Entry();
  after.fences = {partner_one, subject};
  after.resolved_at = applied.fence_version;
  after.subjects_resolved_at = applied.fence_version;
  Reopen();
  const std::vector<CommitResult> results = CommitAll({before, by_subject, same_id_other_kind, after});
  EXPECT_REASON(results[0].status, FENCED);
  EXPECT_REASON(results[1].status, FENCED);
  EXPECT_STATUS_OK(results[2].status);
  EXPECT_STATUS_OK(results[3].status);
  EXPECT_THAT(Backlog(), ElementsAre(1, 2));
  // A refused request left nothing behind: authorised anew, it goes.
  before.resolved_at = applied.fence_version;
  EXPECT_EQ(Commit(before), 3);
}

TEST_P(StoreTest, OnlyNewerVersionsOfARecordGo) {
  const auto with_version = [this](uint64_t version, GrantId grant) {
    NewDisclosure entry = Entry();
    entry.record_key = Mac(42);
    entry.has_record_version = true;
    entry.record_version = version;
    entry.grant = grant;
    return entry;
  };
  const GrantId first = GrantOf(1, "delivery", "1");
  const GrantId next_revision = GrantOf(1, "delivery", "2");
  const GrantId other_purpose = GrantOf(1, "returns", "1");
  EXPECT_NE(first, next_revision);
  Commit(with_version(5, first));
  const NewDisclosure same = with_version(5, next_revision);
  EXPECT_REASON(CommitAll({same})[0].status, RECORD_VERSION_STALE);
  EXPECT_REASON(CommitAll({same})[0].status, RECORD_VERSION_STALE)
      << "a refused request must not be remembered as committed";
  EXPECT_REASON(CommitAll({with_version(4, first)})[0].status, RECORD_VERSION_STALE);
  Commit(with_version(1, other_purpose));
  Reopen();
  // Versions are unsigned: the top bit is not a sign.
  const std::vector<CommitResult> results =
      CommitAll({with_version(6, next_revision), with_version(uint64_t{1} << 63, first), with_version(7, first)});
  EXPECT_STATUS_OK(results[0].status);
  EXPECT_STATUS_OK(results[1].status);
  EXPECT_REASON(results[2].status, RECORD_VERSION_STALE);
}

TEST_P(StoreTest, AVersionThatWasNeverHandedOverMayComeAgain) {
  const auto with_version = [this](uint64_t version) {
    NewDisclosure entry = Entry();
    entry.record_key = Mac(42);
    entry.has_record_version = true;
    entry.record_version = version;
    return entry;
  };
  Commit(with_version(5));
  Settle(Ending(1, v1::DISCLOSURE_STATE_WITHDRAWN, "ERROR_REASON_FENCED"));
  Reopen();
  EXPECT_REASON(CommitAll({with_version(4)})[0].status, RECORD_VERSION_STALE);
  EXPECT_STATUS_OK(CommitAll({with_version(5)})[0].status);
  EXPECT_REASON(CommitAll({with_version(5)})[0].status, RECORD_VERSION_STALE);

  // An older one that is withdrawn changes nothing for the newer one that waits.
  Commit(with_version(6));
  Settle(Ending(2, v1::DISCLOSURE_STATE_WITHDRAWN, "ERROR_REASON_FENCED"));
  EXPECT_REASON(CommitAll({with_version(6)})[0].status, RECORD_VERSION_STALE);

  // What the partner may have stays used, however it ends.
  Dispatch(3);
  Settle(Ending(3, v1::DISCLOSURE_STATE_WITHDRAWN, "ERROR_REASON_FENCED"));
  EXPECT_REASON(CommitAll({with_version(6)})[0].status, RECORD_VERSION_STALE);

  Commit(with_version(0xffffffffffffffff));
  Settle(Ending(4, v1::DISCLOSURE_STATE_UNDELIVERED, "pending_too_long"));
  EXPECT_STATUS_OK(CommitAll({with_version(0xffffffffffffffff)})[0].status);

  NewDisclosure first = with_version(0);
  first.record_key = Mac(43);
  Commit(first);
  Settle(Ending(6, v1::DISCLOSURE_STATE_WITHDRAWN, "ERROR_REASON_FENCED"));
  first = with_version(0);
  first.record_key = Mac(43);
  EXPECT_STATUS_OK(CommitAll({first})[0].status);
}

TEST_P(StoreTest, ARefusedVersionDoesNotCountAsSeen) {
  ChangeSet raise;
  raise.raise_fences = {{FenceScope::Kind::kPartner, "partners/one"}};
  ASSERT_TRUE(store().Apply(raise).ok());
  NewDisclosure fenced = Entry();
  fenced.fences = raise.raise_fences;
  fenced.has_record_version = true;
  fenced.record_version = 9;
  EXPECT_REASON(CommitAll({fenced})[0].status, FENCED);
  NewDisclosure older = Entry();
  older.record_key = fenced.record_key;
  older.has_record_version = true;
  older.record_version = 8;
  Commit(older);
}

TEST_P(StoreTest, ExchangesAreNeverQueued) {
  NewDisclosure exchange = Entry();
  exchange.exchange = true;
  exchange.sealed_payload.clear();
  const int64_t seq = Commit(exchange);
  EXPECT_THAT(Backlog(), IsEmpty());
  EXPECT_EQ(StateOf(seq), v1::DISCLOSURE_STATE_POSSIBLY_HELD);
  EXPECT_EQ(Value(store().CountBacklog(1)).possibly_held, 1);
  Settle(Ending(seq, v1::DISCLOSURE_STATE_OUTCOME_UNKNOWN, "ERROR_REASON_OUTCOME_UNKNOWN"));
  EXPECT_EQ(StateOf(seq), v1::DISCLOSURE_STATE_OUTCOME_UNKNOWN);
  EXPECT_EQ(Value(store().CountBacklog(1)).possibly_held, 1);
  Settle(Ending(seq, v1::DISCLOSURE_STATE_DELIVERED, ""));
  EXPECT_EQ(StateOf(seq), v1::DISCLOSURE_STATE_DELIVERED);
  const Store::BacklogCounts counts = Value(store().CountBacklog(1));
  EXPECT_EQ(counts.possibly_held, 0);
  EXPECT_EQ(counts.delivered, 1);
  EXPECT_EQ(counts.total, 1);
  Settle(Ending(seq, v1::DISCLOSURE_STATE_FAILED, "late"));
  EXPECT_EQ(StateOf(seq), v1::DISCLOSURE_STATE_DELIVERED) << "an end that is known stays";
}

TEST_P(StoreTest, UnknownDisclosureIsNotFound) {
  EXPECT_REASON(store().ReadDisclosure(Id(99)).status(), NOT_FOUND);
}

TEST_P(StoreTest, GrantsAreInterned) {
  const GrantRef grant{1,           "delivery", "shop.v1.Shipment", "partners/one/contracts/a/revisions/1", "2026-01",
                       "reference", "digest"};
  const GrantId id = Value(store().InternGrant(grant));
  EXPECT_EQ(Value(store().InternGrant(grant)), id);
  GrantRef other = grant;
  other.locator_path = "number";
  EXPECT_NE(Value(store().InternGrant(other)), id);
  other = grant;
  other.bundle_digest = "another";
  EXPECT_NE(Value(store().InternGrant(other)), id);
  Reopen();
  const GrantRef read = Value(store().ReadGrant(id));
  EXPECT_EQ(read.partner, grant.partner);
  EXPECT_EQ(read.purpose, grant.purpose);
  EXPECT_EQ(read.record_type, grant.record_type);
  EXPECT_EQ(read.contract_revision, grant.contract_revision);
  EXPECT_EQ(read.policy_version, grant.policy_version);
  EXPECT_EQ(read.locator_path, grant.locator_path);
  EXPECT_EQ(read.bundle_digest, grant.bundle_digest);
  EXPECT_REASON(store().ReadGrant(id + 100).status(), NOT_FOUND);
}

}  // namespace
}  // namespace postern::storage
