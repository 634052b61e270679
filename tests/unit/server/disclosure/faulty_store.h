// A store that fails on demand, before or after the real one has written; for the fault tests of what uses a Store.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "proto/errors/error.h"
#include "server/storage/store.h"

namespace postern::storage {

// Thread-safe.
class FaultyStore : public Store {
 public:
  enum class Fault { kNone, kBeforeWriting, kAfterWriting };

  explicit FaultyStore(Store* real) : real_(real) {}

  // What every later write does.
  void SetFault(Fault fault) {
    absl::MutexLock lock(&mutex_);
    fault_ = fault;
  }
  // Every commit waits while this is set.
  void Hold(bool hold) {
    absl::MutexLock lock(&mutex_);
    hold_ = hold;
  }
  // Called after the next read of a backlog, before its caller has it.
  void AfterReadBacklog(std::function<void()> hook) {
    absl::MutexLock lock(&mutex_);
    after_read_backlog_ = std::move(hook);
  }
  // Called after the next replay of a dead letter, before its caller knows of it.
  void AfterReplay(std::function<void()> hook) {
    absl::MutexLock lock(&mutex_);
    after_replay_ = std::move(hook);
  }
  int commits() const {
    absl::MutexLock lock(&mutex_);
    return commits_;
  }

  absl::Status CommitGroup(absl::Span<const NewDisclosure> group, absl::Span<const DispatchMark> marks,
                           std::vector<CommitResult>* results) override {
    {
      absl::MutexLock lock(&mutex_);
      ++commits_;
      const auto free = [this] {
        mutex_.AssertReaderHeld();
        return !hold_;
      };
      mutex_.Await(absl::Condition(&free));
    }
    return Faulty([&] { return real_->CommitGroup(group, marks, results); });
  }
  absl::Status ReserveDispatch(absl::Span<const DispatchMark> marks) override {
    return Faulty([&] { return real_->ReserveDispatch(marks); });
  }
  absl::Status Settle(absl::Span<const SettleBatch> batches) override {
    return Faulty([&] { return real_->Settle(batches); });
  }
  absl::StatusOr<AppliedChange> Apply(const ChangeSet& change) override {
    absl::StatusOr<AppliedChange> applied;
    POSTERN_RETURN_IF_ERROR(Faulty([&] {
      applied = real_->Apply(change);
      return applied.status();
    }));
    return applied;
  }
  absl::StatusOr<std::vector<PendingPayload>> ReadBacklog(PartnerId partner, int64_t after, int limit,
                                                          int64_t max_bytes) override {
    absl::StatusOr<std::vector<PendingPayload>> page = real_->ReadBacklog(partner, after, limit, max_bytes);
    std::function<void()> hook;
    {
      absl::MutexLock lock(&mutex_);
      hook.swap(after_read_backlog_);
    }
    if (hook) hook();
    return page;
  }
  absl::StatusOr<int64_t> ReplayDeadLetter(const crypto::Uuid& id, absl::string_view leaf) override {
    absl::StatusOr<int64_t> seq = real_->ReplayDeadLetter(id, leaf);
    std::function<void()> hook;
    {
      absl::MutexLock lock(&mutex_);
      hook.swap(after_replay_);
    }
    if (hook) hook();
    return seq;
  }
  absl::StatusOr<uint64_t> AppendAudit(absl::Span<const std::string> leaves) override {
    absl::StatusOr<uint64_t> index = absl::UnavailableError("not written");
    const absl::Status status = Faulty([&] {
      index = real_->AppendAudit(leaves);
      return index.status();
    });
    return status.ok() ? index : status;
  }

#define POSTERN_FORWARD(result, method, parameters, arguments) \
  result method parameters override {                          \
    return real_->method arguments;                            \
  }
  POSTERN_FORWARD(absl::StatusOr<GrantId>, InternGrant, (const GrantRef& grant), (grant))
  POSTERN_FORWARD(absl::StatusOr<GrantRef>, ReadGrant, (GrantId id), (id))
  POSTERN_FORWARD(absl::StatusOr<uint64_t>, ReadFenceVersion, (), ())
  POSTERN_FORWARD(absl::StatusOr<LaneState>, ReadLanes, (PartnerId partner), (partner))
  POSTERN_FORWARD(absl::StatusOr<std::vector<int64_t>>, ReadSettledAbove, (PartnerId partner, int64_t watermark),
                  (partner, watermark))
  POSTERN_FORWARD(absl::StatusOr<DisclosureRow>, ReadDisclosure, (const crypto::Uuid& id), (id))
  POSTERN_FORWARD(absl::StatusOr<std::optional<CommittedRequest>>, FindRequest, (const RequestKey& request), (request))
  POSTERN_FORWARD(absl::StatusOr<std::vector<DisclosureRow>>, ListDisclosures,
                  (PartnerId partner, int64_t before, int limit), (partner, before, limit))
  POSTERN_FORWARD(absl::StatusOr<std::vector<DisclosureRow>>, ListHeld,
                  (PartnerId partner, int64_t after, int64_t to, int limit), (partner, after, to, limit))
  POSTERN_FORWARD(absl::StatusOr<std::vector<DisclosureRow>>, ListOpenExchanges, (), ())
  POSTERN_FORWARD(absl::StatusOr<std::vector<DisclosureRow>>, ListBySubject,
                  (const Mac16& subject, int64_t after, int limit), (subject, after, limit))
  POSTERN_FORWARD(absl::StatusOr<BacklogCounts>, CountBacklog, (PartnerId partner), (partner))
  POSTERN_FORWARD(absl::StatusOr<std::vector<PendingPayload>>, ReadPendingOlderThan,
                  (PartnerId partner, int64_t after, absl::Time time, int limit), (partner, after, time, limit))
  POSTERN_FORWARD(absl::StatusOr<std::vector<OutcomeRow>>, ReadOutcomes, (int64_t after, int limit), (after, limit))
  POSTERN_FORWARD(absl::StatusOr<std::vector<DeadLetterRow>>, ListDeadLetters,
                  (PartnerId partner, int64_t after, int limit), (partner, after, limit))
  POSTERN_FORWARD(absl::StatusOr<PendingPayload>, ReadDeadLetter, (const crypto::Uuid& id), (id))
  POSTERN_FORWARD(absl::StatusOr<std::vector<PendingReplay>>, ListPendingReplays, (PartnerId partner), (partner))
  POSTERN_FORWARD(absl::StatusOr<std::vector<int64_t>>, CountPendingOf,
                  (PartnerId partner, absl::Span<const Mac16> keys), (partner, keys))
  POSTERN_FORWARD(absl::Status, WithdrawDeadLetter,
                  (const crypto::Uuid& id, absl::string_view reason, absl::Time time, absl::string_view leaf),
                  (id, reason, time, leaf))
  POSTERN_FORWARD(absl::Status, DropDeadLetter, (const crypto::Uuid& id, absl::string_view leaf), (id, leaf))
  POSTERN_FORWARD(absl::StatusOr<std::vector<PartnerRow>>, ListPartners, (), ())
  POSTERN_FORWARD(absl::StatusOr<std::optional<BundleRow>>, ReadBundleInForce, (), ())
  POSTERN_FORWARD(absl::StatusOr<std::optional<BundleRow>>, ReadBundle, (absl::string_view digest), (digest))
  POSTERN_FORWARD(absl::StatusOr<std::vector<RevisionRow>>, ListRevisions, (PartnerId partner), (partner))
  POSTERN_FORWARD(absl::StatusOr<std::vector<CampaignRow>>, ListCampaigns, (std::optional<PartnerId> partner),
                  (partner))
  POSTERN_FORWARD(absl::StatusOr<std::optional<CampaignRow>>, ReadCampaign, (absl::string_view name), (name))
  POSTERN_FORWARD(absl::StatusOr<std::vector<NoticeRow>>, ListNotices,
                  (PartnerId partner, absl::string_view campaign, int64_t after, int limit, bool open),
                  (partner, campaign, after, limit, open))
  POSTERN_FORWARD(absl::StatusOr<std::optional<NoticeRow>>, ReadNotice, (absl::string_view name), (name))
  POSTERN_FORWARD(absl::StatusOr<std::vector<HandleOutcomeRow>>, ListHandleOutcomes, (absl::string_view notice),
                  (notice))
  POSTERN_FORWARD(absl::StatusOr<TreeHead>, ReadTreeHead, (), ())
  POSTERN_FORWARD(absl::StatusOr<std::vector<std::string>>, ReadLeaves, (uint64_t start, int limit), (start, limit))
  POSTERN_FORWARD(absl::StatusOr<Hash32>, ReadTreeHash, (int level, uint64_t index), (level, index))
  POSTERN_FORWARD(absl::StatusOr<std::string>, ReadCheckpoint, (), ())
  POSTERN_FORWARD(absl::Status, WriteCheckpoint, (absl::string_view checkpoint), (checkpoint))
  POSTERN_FORWARD(absl::Status, Check, (), ())
  POSTERN_FORWARD(absl::StatusOr<int64_t>, ReadLastSeq, (), ())
  POSTERN_FORWARD(absl::StatusOr<std::vector<OrderEventRow>>, ListOrderEvents, (const Mac16& order), (order))
  POSTERN_FORWARD(void, RequestScrub, (), ())
  POSTERN_FORWARD(absl::StatusOr<std::vector<SubjectRecordRow>>, ListSubjectRecords, (int64_t after, int limit),
                  (after, limit))
  POSTERN_FORWARD(absl::StatusOr<std::vector<SubjectRecordRow>>, ReadSubjectRecords, (const Mac16& subject), (subject))
  POSTERN_FORWARD(absl::StatusOr<SubjectRequestRow>, ReadSubjectRequest, (absl::string_view name), (name))
  POSTERN_FORWARD(absl::StatusOr<SubjectRequestRow>, FindSubjectRequest,
                  (const Mac16& principal, const crypto::Uuid& id), (principal, id))
  POSTERN_FORWARD(absl::StatusOr<std::vector<SubjectRequestRow>>, ListSubjectRequests,
                  (bool open_only, int64_t offset, int limit), (open_only, offset, limit))
  POSTERN_FORWARD(absl::StatusOr<std::vector<RetentionOrderRow>>, ListDueOrders, (absl::Time time, int limit),
                  (time, limit))
  POSTERN_FORWARD(absl::StatusOr<RetentionCounts>, CountOrders, (absl::Time until), (until))
  POSTERN_FORWARD(absl::StatusOr<std::string>, ReadRetentionTotals, (), ())
  POSTERN_FORWARD(absl::StatusOr<std::vector<UncountedDisclosure>>, ListUncounted, (int limit), (limit))
  POSTERN_FORWARD(absl::StatusOr<std::vector<StatisticsCellRow>>, ListStatistics,
                  (const StatisticsKey& after, int limit), (after, limit))
  POSTERN_FORWARD(absl::StatusOr<std::vector<StatisticsPeriodRow>>, ListStatisticsPeriods, (), ())
  POSTERN_FORWARD(absl::StatusOr<InvestigationRow>, ReadInvestigation, (absl::string_view name), (name))
  POSTERN_FORWARD(absl::StatusOr<InvestigationRow>, FindInvestigation,
                  (const Mac16& principal, const crypto::Uuid& request_id), (principal, request_id))
  POSTERN_FORWARD(absl::StatusOr<std::vector<InvestigationRow>>, ListInvestigations,
                  (bool open_only, int64_t offset, int limit), (open_only, offset, limit))
  POSTERN_FORWARD(absl::StatusOr<std::vector<FindingRow>>, ListFindings,
                  (absl::string_view partner, int64_t before, int limit), (partner, before, limit))
  POSTERN_FORWARD(absl::StatusOr<std::vector<SeenRow>>, ListSeen, (), ())
#undef POSTERN_FORWARD
  crypto::Uuid instance() const override {
    return real_->instance();
  }

 private:
  absl::Status Faulty(const std::function<absl::Status()>& write) {
    Fault fault;
    {
      absl::MutexLock lock(&mutex_);
      fault = fault_;
    }
    if (fault == Fault::kBeforeWriting) return absl::UnavailableError("before writing");
    absl::Status status = write();
    if (status.ok() && fault == Fault::kAfterWriting) return absl::UnavailableError("after writing");
    return status;
  }

  Store* const real_;
  mutable absl::Mutex mutex_;
  Fault fault_ ABSL_GUARDED_BY(mutex_) = Fault::kNone;
  bool hold_ ABSL_GUARDED_BY(mutex_) = false;
  std::function<void()> after_read_backlog_ ABSL_GUARDED_BY(mutex_);
  std::function<void()> after_replay_ ABSL_GUARDED_BY(mutex_);
  int commits_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace postern::storage
