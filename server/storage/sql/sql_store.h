// What a store does in the SQL of this folder: each method says which transaction it is; what the transactions do is in
// the files beside this one. A database adds how it connects, commits, indexes and mends itself.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/errors/error.h"
#include "server/storage/sql/audit_tree.h"
#include "server/storage/sql/backlog.h"
#include "server/storage/sql/disclosure_rows.h"
#include "server/storage/sql/outcomes.h"
#include "server/storage/sql/people_reads.h"
#include "server/storage/sql/queue.h"
#include "server/storage/sql/resources.h"
#include "server/storage/sql/write_scope.h"
#include "server/storage/store.h"

namespace postern::storage {

class SqlStore : public PeopleReads {
 public:
  absl::Status ReserveDispatch(absl::Span<const DispatchMark> marks) override;
  absl::Status Settle(absl::Span<const SettleBatch> batches) override;
  absl::StatusOr<AppliedChange> Apply(const ChangeSet& change) override;
  absl::StatusOr<uint64_t> AppendAudit(absl::Span<const std::string> leaves) override;
  absl::StatusOr<GrantId> InternGrant(const GrantRef& grant) override;
  absl::StatusOr<int64_t> ReplayDeadLetter(const crypto::Uuid& id, absl::string_view audit_leaf) override;
  absl::Status DropDeadLetter(const crypto::Uuid& id, absl::string_view audit_leaf) override;
  absl::Status WithdrawDeadLetter(const crypto::Uuid& id, absl::string_view reason, absl::Time time,
                                  absl::string_view audit_leaf) override;
  absl::Status WriteCheckpoint(absl::string_view checkpoint) override;

  absl::StatusOr<GrantRef> ReadGrant(GrantId id) override {
    return ReadBy<GrantRef>([&](Connection& db) { return ReadGrantFrom(db, id); });
  }

  absl::StatusOr<std::vector<PendingPayload>> ReadBacklog(PartnerId partner, int64_t after, int limit,
                                                          int64_t max_bytes) override {
    return ReadBy<std::vector<PendingPayload>>(
        [&](Connection& db) { return ReadBacklogFrom(db, partner, after, limit, max_bytes); });
  }

  absl::StatusOr<LaneState> ReadLanes(PartnerId partner) override {
    return ReadBy<LaneState>([&](Connection& db) -> absl::StatusOr<LaneState> {
      POSTERN_ASSIGN_OR_RETURN(const QueueState queue, ReadQueue(db, partner));
      return LaneState{LaneSpan{partner}, queue.watermark, queue.dispatch_mark};
    });
  }

  absl::StatusOr<std::vector<int64_t>> ReadSettledAbove(PartnerId partner, int64_t watermark) override {
    return ReadBy<std::vector<int64_t>>([&](Connection& db) { return ReadSettledAboveFrom(db, partner, watermark); });
  }
  absl::StatusOr<DisclosureRow> ReadDisclosure(const crypto::Uuid& id) override {
    return ReadBy<DisclosureRow>([&](Connection& db) { return ReadDisclosureFrom(db, id); });
  }
  absl::StatusOr<std::optional<CommittedRequest>> FindRequest(const RequestKey& request) override {
    return ReadBy<std::optional<CommittedRequest>>([&](Connection& db) { return FindRequestFrom(db, request); });
  }
  absl::StatusOr<std::vector<DisclosureRow>> ListDisclosures(PartnerId partner, int64_t before, int limit) override {
    return ReadBy<std::vector<DisclosureRow>>(
        [&](Connection& db) { return ListDisclosuresFrom(db, partner, before, limit); });
  }
  absl::StatusOr<std::vector<DisclosureRow>> ListHeld(PartnerId partner, int64_t after, int64_t to,
                                                      int limit) override {
    return ReadBy<std::vector<DisclosureRow>>(
        [&](Connection& db) { return ListHeldFrom(db, partner, after, to, limit); });
  }
  absl::StatusOr<std::vector<DisclosureRow>> ListOpenExchanges() override {
    return ReadBy<std::vector<DisclosureRow>>([&](Connection& db) { return ListOpenExchangesFrom(db); });
  }
  absl::StatusOr<BacklogCounts> CountBacklog(PartnerId partner) override {
    return ReadBy<BacklogCounts>([&](Connection& db) { return CountBacklogFrom(db, partner); });
  }
  absl::StatusOr<std::vector<PendingPayload>> ReadPendingOlderThan(PartnerId partner, int64_t after, absl::Time time,
                                                                   int limit) override {
    return ReadBy<std::vector<PendingPayload>>(
        [&](Connection& db) { return ReadPendingOlderThanFrom(db, partner, after, time, limit); });
  }
  absl::StatusOr<std::vector<OutcomeRow>> ReadOutcomes(int64_t after, int limit) override {
    return ReadBy<std::vector<OutcomeRow>>([&](Connection& db) { return ReadOutcomesFrom(db, after, limit); });
  }
  absl::StatusOr<std::vector<DeadLetterRow>> ListDeadLetters(PartnerId partner, int64_t after, int limit) override {
    return ReadBy<std::vector<DeadLetterRow>>(
        [&](Connection& db) { return ListDeadLettersFrom(db, partner, after, limit); });
  }
  absl::StatusOr<std::vector<PendingReplay>> ListPendingReplays(PartnerId partner) override {
    return ReadBy<std::vector<PendingReplay>>([&](Connection& db) { return ListPendingReplaysFrom(db, partner); });
  }
  absl::StatusOr<std::vector<int64_t>> CountPendingOf(PartnerId partner, absl::Span<const Mac16> record_keys) override {
    return ReadBy<std::vector<int64_t>>([&](Connection& db) { return CountPendingOfFrom(db, partner, record_keys); });
  }
  absl::StatusOr<PendingPayload> ReadDeadLetter(const crypto::Uuid& id) override {
    return ReadBy<PendingPayload>([&](Connection& db) { return ReadDeadLetterFrom(db, id); });
  }

  absl::StatusOr<std::vector<PartnerRow>> ListPartners() override {
    return ReadBy<std::vector<PartnerRow>>([&](Connection& db) { return ListPartnersFrom(db); });
  }
  absl::StatusOr<std::optional<BundleRow>> ReadBundleInForce() override { return ReadBundle(""); }
  absl::StatusOr<std::optional<BundleRow>> ReadBundle(absl::string_view digest) override {
    return ReadBy<std::optional<BundleRow>>([&](Connection& db) { return ReadBundleFrom(db, digest); });
  }
  absl::StatusOr<std::vector<RevisionRow>> ListRevisions(PartnerId partner) override {
    return ReadBy<std::vector<RevisionRow>>([&](Connection& db) { return ListRevisionsFrom(db, partner); });
  }
  absl::StatusOr<std::vector<CampaignRow>> ListCampaigns(std::optional<PartnerId> partner) override {
    return ReadBy<std::vector<CampaignRow>>([&](Connection& db) { return ListCampaignsFrom(db, partner); });
  }
  absl::StatusOr<std::optional<CampaignRow>> ReadCampaign(absl::string_view name) override {
    return ReadBy<std::optional<CampaignRow>>([&](Connection& db) { return ReadCampaignFrom(db, name); });
  }
  absl::StatusOr<std::vector<NoticeRow>> ListNotices(PartnerId partner, absl::string_view campaign, int64_t after_row,
                                                     int limit, bool open_only) override {
    return ReadBy<std::vector<NoticeRow>>(
        [&](Connection& db) { return ListNoticesFrom(db, partner, campaign, after_row, limit, open_only); });
  }
  absl::StatusOr<std::optional<NoticeRow>> ReadNotice(absl::string_view name) override {
    return ReadBy<std::optional<NoticeRow>>([&](Connection& db) { return ReadNoticeFrom(db, name); });
  }
  absl::StatusOr<std::vector<HandleOutcomeRow>> ListHandleOutcomes(absl::string_view notice) override {
    return ReadBy<std::vector<HandleOutcomeRow>>([&](Connection& db) { return ListHandleOutcomesFrom(db, notice); });
  }
  absl::StatusOr<std::vector<OrderEventRow>> ListOrderEvents(const Mac16& order) override {
    return ReadBy<std::vector<OrderEventRow>>([&](Connection& db) { return ListOrderEventsFrom(db, order); });
  }

  absl::StatusOr<TreeHead> ReadTreeHead() override {
    return ReadBy<TreeHead>([&](Connection& db) { return ReadTreeHeadFrom(db); });
  }
  absl::StatusOr<std::vector<std::string>> ReadLeaves(uint64_t start, int limit) override {
    return ReadBy<std::vector<std::string>>([&](Connection& db) { return ReadLeavesFrom(db, start, limit); });
  }
  absl::StatusOr<Hash32> ReadTreeHash(int level, uint64_t index) override {
    return ReadBy<Hash32>([&](Connection& db) { return ReadTreeHashFrom(db, level, index); });
  }
  absl::StatusOr<std::string> ReadCheckpoint() override {
    return ReadBy<std::string>([&](Connection& db) -> absl::StatusOr<std::string> {
      Query query(db, "SELECT value FROM meta WHERE key = 'checkpoint'");
      std::string checkpoint = query.Next() ? query.String(0) : "";
      POSTERN_RETURN_IF_ERROR(query.status());
      return checkpoint;
    });
  }

 protected:
  // Runs `body` in a write transaction and makes it durable; what Store says of errors holds. `body` may be run more
  // than once, before anything of it is durable.
  virtual absl::Status WriteWith(absl::FunctionRef<absl::Status(WriteScope&)> body) = 0;
  // Ended backlogs have payloads to delete.
  virtual void RequestSweep() = 0;

 private:
  template <typename T>
  absl::StatusOr<T> Written(absl::FunctionRef<absl::StatusOr<T>(WriteScope&)> body) {
    absl::StatusOr<T> result = absl::UnknownError("not run");
    const absl::Status status = WriteWith([&](WriteScope& scope) {
      result = body(scope);
      return result.status();
    });
    if (!status.ok()) return status;
    return result;
  }
};

// The identity that the store was made with. DATA_LOSS if there is none.
absl::StatusOr<crypto::Uuid> ReadInstance(Connection& db);

}  // namespace postern::storage
