#include "server/storage/sqlite/sqlite_store.h"

#include <utility>

#include "proto/errors/error.h"
#include "server/base/failpoint.h"
#include "server/storage/errors.h"
#include "server/storage/sqlite/audit_tree.h"
#include "server/storage/sqlite/backlog.h"
#include "server/storage/sqlite/change.h"
#include "server/storage/sqlite/check.h"
#include "server/storage/sqlite/commit.h"
#include "server/storage/sqlite/data_directory.h"
#include "server/storage/sqlite/disclosure_rows.h"
#include "server/storage/sqlite/ledger_writer.h"
#include "server/storage/sqlite/maintenance.h"
#include "server/storage/sqlite/outcomes.h"
#include "server/storage/sqlite/packing.h"
#include "server/storage/sqlite/page_checksums.h"
#include "server/storage/sqlite/people_reads.h"
#include "server/storage/sqlite/queue.h"
#include "server/storage/sqlite/reader_pool.h"
#include "server/storage/sqlite/resources.h"
#include "server/storage/sqlite/settle.h"
#include "server/storage/sqlite/subject_index.h"

namespace postern::storage {
namespace {

constexpr char kLedgerFile[] = "ledger.db";

// Each method says which transaction it is; what the transactions do is in the files beside this one.
class SqliteStore final : public PeopleReads {
 public:
  SqliteStore(std::unique_ptr<DataDirectory> directory, std::unique_ptr<PageChecksums> pages,
              std::unique_ptr<LedgerWriter> writer, std::unique_ptr<ReaderPool> readers,
              std::unique_ptr<SubjectIndex> index, const crypto::Uuid& instance, const SqliteStoreOptions& options)
      : directory_(std::move(directory)),
        pages_(std::move(pages)),
        instance_(instance),
        writer_(std::move(writer)),
        readers_(std::move(readers)),
        index_(std::move(index)),
        maintenance_(*writer_, *readers_, *index_, options) {}

  absl::Status CommitGroup(absl::Span<const NewDisclosure> group, absl::Span<const DispatchMark> marks,
                           std::vector<CommitResult>* results) override {
    return AfterWrite(writer_->Write(
        [&](WriteScope& scope) { return CommitGroupIn(scope, version_scopes_, group, marks, results); }));
  }

  // model: mark
  absl::Status ReserveDispatch(absl::Span<const DispatchMark> marks) override {
    POSTERN_FAILPOINT("dispatch.before");
    const absl::Status status = AfterWrite(writer_->Write([&](WriteScope& scope) -> absl::Status {
      for (const DispatchMark& mark : marks) {
        POSTERN_ASSIGN_OR_RETURN(const bool moved, MoveDispatchMark(scope, mark));
        if (!moved) return errors::Fenced(FenceScope::Kind::kPartner);
      }
      return absl::OkStatus();
    }));
    POSTERN_FAILPOINT("dispatch.after");
    return status;
  }

  absl::Status Settle(absl::Span<const SettleBatch> batches) override {
    POSTERN_FAILPOINT("settle.before");
    const absl::Status status = AfterWrite(writer_->Write([&](WriteScope& scope) -> absl::Status {
      for (const SettleBatch& batch : batches) POSTERN_RETURN_IF_ERROR(SettleIn(scope, batch));
      return absl::OkStatus();
    }));
    POSTERN_FAILPOINT("settle.after");
    return status;
  }

  absl::StatusOr<AppliedChange> Apply(const ChangeSet& change) override {
    AppliedChange applied;
    const absl::Status status = AfterWrite(writer_->Write([&](WriteScope& scope) -> absl::Status {
      POSTERN_RETURN_IF_ERROR(ApplyIn(scope, change, &applied));
      applied.fence_version = scope.fences().newest() + (change.raise_fences.empty() ? 0 : 1);
      return absl::OkStatus();
    }));
    POSTERN_RETURN_IF_ERROR(status);
    if (change.end_backlog) maintenance_.RequestSweep();
    return applied;
  }

  absl::StatusOr<uint64_t> AppendAudit(absl::Span<const std::string> leaves) override {
    uint64_t first = 0;
    POSTERN_RETURN_IF_ERROR(AfterWrite(writer_->Write([&](WriteScope& scope) {
      first = scope.head().tree.size();
      return scope.AppendLeaves(leaves);
    })));
    return first;
  }

  absl::StatusOr<GrantId> InternGrant(const GrantRef& grant) override {
    return Written<GrantId>([&](WriteScope& scope) { return InternGrantIn(scope, grant); });
  }

  absl::StatusOr<int64_t> ReplayDeadLetter(const crypto::Uuid& id, absl::string_view audit_leaf) override {
    return Written<int64_t>([&](WriteScope& scope) -> absl::StatusOr<int64_t> {
      POSTERN_ASSIGN_OR_RETURN(const int64_t seq, ReplayDeadLetterIn(scope, id));
      POSTERN_RETURN_IF_ERROR(scope.AppendLeaf(audit_leaf).status());
      return seq;
    });
  }

  absl::Status DropDeadLetter(const crypto::Uuid& id, absl::string_view audit_leaf) override {
    return AfterWrite(writer_->Write([&](WriteScope& scope) -> absl::Status {
      POSTERN_RETURN_IF_ERROR(DropDeadLetterIn(scope, id));
      return scope.AppendLeaf(audit_leaf).status();
    }));
  }

  absl::Status WithdrawDeadLetter(const crypto::Uuid& id, absl::string_view reason, absl::Time time,
                                  absl::string_view audit_leaf) override {
    return AfterWrite(writer_->Write([&](WriteScope& scope) -> absl::Status {
      POSTERN_RETURN_IF_ERROR(WithdrawDeadLetterIn(scope, id, reason, time));
      return scope.AppendLeaf(audit_leaf).status();
    }));
  }

  absl::Status WriteCheckpoint(absl::string_view checkpoint) override {
    return AfterWrite(writer_->Write([&](WriteScope& scope) {
      return Query(scope.db(),
                   "INSERT INTO meta(key, value) VALUES('checkpoint', ?) ON CONFLICT(key) DO UPDATE SET value = "
                   "excluded.value")
          .Bind(checkpoint)
          .Run();
    }));
  }

  absl::StatusOr<GrantRef> ReadGrant(GrantId id) override {
    return ReadBy<GrantRef>([&](Connection& db) { return ReadGrantFrom(db, id); });
  }
  absl::StatusOr<uint64_t> ReadFenceVersion() override { return writer_->fence_version(); }
  absl::StatusOr<int64_t> ReadLastSeq() override { return writer_->last_seq(); }

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
  absl::StatusOr<std::vector<DisclosureRow>> ListBySubject(const Mac16& subject, int64_t after, int limit) override {
    return index_->ListBySubject(*readers_, subject, after, limit);
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

  crypto::Uuid instance() const override { return instance_; }
  void RequestScrub() override { maintenance_.RequestScrub(); }
  absl::Status Check() override {
    return readers_->Read([](Connection& db) { return CheckLedger(db); });
  }

 private:
  // Every write may have grown the log or the index's tail.
  absl::Status AfterWrite(absl::Status status) {
    maintenance_.Notice();
    return status;
  }

  template <typename T>
  absl::StatusOr<T> Written(absl::FunctionRef<absl::StatusOr<T>(WriteScope&)> body) {
    absl::StatusOr<T> result = absl::UnknownError("not run");
    const absl::Status status = AfterWrite(writer_->Write([&](WriteScope& scope) {
      result = body(scope);
      return result.status();
    }));
    if (!status.ok()) return status;
    return result;
  }

  absl::Status ReadWith(absl::FunctionRef<absl::Status(Connection&)> body) override { return readers_->Read(body); }

  const std::unique_ptr<DataDirectory> directory_;  // first, so that the lock goes last
  const std::unique_ptr<PageChecksums> pages_;      // under every connection
  const crypto::Uuid instance_;
  const std::unique_ptr<LedgerWriter> writer_;
  const std::unique_ptr<ReaderPool> readers_;
  const std::unique_ptr<SubjectIndex> index_;
  VersionScopes version_scopes_;  // touched inside write transactions only, which the writer runs one at a time
  Maintenance maintenance_;       // last, so that its thread ends first
};

absl::StatusOr<crypto::Uuid> ReadInstance(Connection& db) {
  crypto::Uuid instance;
  Query query(db, "SELECT value FROM meta WHERE key = 'instance'");
  if (!query.Next()) return query.status().ok() ? errors::Inconsistent("the store has no identity") : query.status();
  POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(0), &instance));
  return instance;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const SqliteStoreOptions& options) {
  POSTERN_ASSIGN_OR_RETURN(DataDirectory opened, DataDirectory::Open(options.directory, options.create_if_missing));
  auto directory = std::make_unique<DataDirectory>(std::move(opened));
  POSTERN_ASSIGN_OR_RETURN(const std::string ledger, directory->File(kLedgerFile, options.create_if_missing));
  auto pages = std::make_unique<PageChecksums>(options.vfs);
  POSTERN_ASSIGN_OR_RETURN(std::unique_ptr<LedgerWriter> writer,
                           LedgerWriter::Open(ledger, pages->name(), options.version_batch, options.on_sync));
  auto readers = std::make_unique<ReaderPool>(ledger, pages->name(), options.readers);
  crypto::Uuid instance;
  POSTERN_RETURN_IF_ERROR(readers->Read([&](Connection& db) -> absl::Status {
    POSTERN_ASSIGN_OR_RETURN(instance, ReadInstance(db));
    return absl::OkStatus();
  }));
  POSTERN_ASSIGN_OR_RETURN(std::unique_ptr<SubjectIndex> index,
                           SubjectIndex::Open(*directory, instance, *readers, pages->name()));
  return std::make_unique<SqliteStore>(std::move(directory), std::move(pages), std::move(writer), std::move(readers),
                                       std::move(index), instance, options);
}

}  // namespace postern::storage
