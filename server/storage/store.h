// The gateway's own transactions, and nothing else a database can do. Each method is one transaction. Two kinds of
// callers: the hot path (CommitGroup, ReserveDispatch, Settle) and everything that operators and background work change
// (Apply).
//
// Thread-safety: every method may be called from any thread; writes are serialised inside. Methods block (a write waits
// for the disk). Errors: LEDGER_UNAVAILABLE when the disk or the database fails: the state is then either before or
// after the transaction, and the store refuses every later write until it was reopened or has read back what is true.
// Others are named at each method. After such an error the outcome of that one call is unknown: ask again with the same
// request ids. The metadata key "cause" says what failed. Nothing given to a store is plaintext personal data: payloads
// come sealed, people and record keys as HMACs. Times are kept to the microsecond.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "proto/postern/v1/disclosure.pb.h"
#include "server/crypto/uuid7.h"  // crypto::Uuid, 16 bytes
#include "server/storage/investigation_rows.h"
#include "server/storage/resource_rows.h"
#include "server/storage/retention_rows.h"
#include "server/storage/statistics_rows.h"
#include "server/storage/subject_rows.h"
#include "server/storage/supervision_rows.h"
#include "server/storage/types.h"

namespace postern::storage {

// Under what a disclosure was authorised. Interned: disclosures refer to it by number.
struct GrantRef {
  PartnerId partner = 0;
  std::string purpose;
  std::string record_type;
  std::string contract_revision;  // resource name
  std::string policy_version;
  std::string locator_path;
  std::string bundle_digest;  // of the bundle that was in force: with the revision it fixes the whole plan
};

// What a fence stands in front of.
struct FenceScope {
  enum class Kind : uint8_t { kPartner = 1, kSubject = 2, kRecordKey = 3 } kind = Kind::kPartner;
  std::string id;  // partner: its resource name; subject and record key: the 16 bytes
};

// --- Disclosures
// -----------------------------------------------------------------------------------------------------------------

// One authorised release, ready to be committed.
struct NewDisclosure {
  crypto::Uuid id;
  PartnerId partner = 0;
  GrantId grant = 0;
  int lane = 0;  // 0..kLanes-1, from the record key
  absl::Time time;
  uint64_t resolved_at = 0;           // FenceVersion of the snapshot that resolved it
  uint64_t subjects_resolved_at = 0;  // FenceVersion of what was known about its subjects
  std::vector<FenceScope> fences;     // checked in the transaction: none may be raised after the version of its kind
  Mac16 record_key{};                 // partner- and type-independent HMAC of the record key
  uint64_t record_version = 0;
  bool has_record_version = false;    // a version not above the last one of (partner, purpose, record key) is refused
  std::vector<Mac16> subjects;        // HMACs of every subject
  std::vector<crypto::Uuid> key_ids;  // every DEK the payload key is derived from, as KeyStore names them
  Mac16 order{};                      // HMAC of the order id
  Hash32 handle{};
  std::string sealed_payload;  // empty for an exchange: nothing is kept
  bool exchange = false;       // never queued; settled by its caller
  std::vector<uint64_t> withheld_bits;
  std::string sealed_salt;  // of the audit commitment, under the subject's key
  std::string audit_leaf;   // bytes of one leaf, as server/audit/leaf.h makes them
  std::string observation;  // for statistics: a StatisticsObservation, may be empty; kept until it is counted
  // Idempotency: at most one disclosure per (principal, request id, target).
  Mac16 principal{};
  crypto::Uuid request_id;
  Mac16 target{};           // HMAC or hash of partner and purpose
  Hash32 content_digest{};  // keyed; another one under the same request id is REQUEST_ID_REUSED
};

// What a commit says about one entry. Exactly one of: fresh (OK), replayed (OK), refused (not OK).
struct CommitResult {
  absl::Status status;    // FENCED, RECORD_VERSION_STALE, REQUEST_ID_REUSED, or OK
  bool replayed = false;  // the request was committed before: seq, id and the rest are the original's
  int64_t seq = 0;        // position in the ledger, from 1, in commit order
  crypto::Uuid id;
  uint64_t leaf_index = 0;
  Hash32 leaf_hash{};
  absl::Time time;
};

// One target of one request.
struct RequestKey {
  Mac16 principal{};
  crypto::Uuid request_id;
  Mac16 target{};
};

// What a request has committed.
struct CommittedRequest {
  Hash32 content_digest{};
  CommitResult result;  // OK and replayed
};

// A run of lanes of one partner that one gateway owns; a single gateway owns one span of all lanes. A store for one
// gateway (SQLite) takes no other span: INVALID_ARGUMENT.
struct LaneSpan {
  PartnerId partner = 0;
  int first = 0;
  int last = kLanes - 1;
};

// Everything of a lane span at or below `seq` may be handed over from now on (possibly held). A mark beyond the newest
// ledger position is taken as that position.
struct DispatchMark {
  LaneSpan span;
  int64_t seq = 0;
};

struct LaneState {
  LaneSpan span;
  int64_t watermark = 0;      // everything at or below is settled
  int64_t dispatch_mark = 0;  // everything above was never handed over
};

// A record that waits for its partner.
struct PendingPayload {
  int64_t seq = 0;
  crypto::Uuid id;
  GrantId grant = 0;
  int lane = 0;
  Mac16 record_key{};
  uint64_t record_version = 0;
  Hash32 handle{};
  absl::Time time;
  std::vector<crypto::Uuid> key_ids;
  std::string sealed_payload;
  bool replayed = false;  // was a dead letter
};

// What is stored of a disclosure, with its state as it follows from marks, acknowledgements and settlements.
struct DisclosureRow {
  int64_t seq = 0;
  crypto::Uuid id;
  PartnerId partner = 0;
  GrantId grant = 0;
  int lane = 0;
  absl::Time time;
  v1::DisclosureState state = v1::DISCLOSURE_STATE_UNSPECIFIED;
  std::string reason;  // ErrorReason name, for states that have one
  Mac16 record_key{};
  uint64_t record_version = 0;
  std::vector<Mac16> subjects;
  Mac16 order{};
  Hash32 handle{};
  std::vector<crypto::Uuid> key_ids;
  std::vector<uint64_t> withheld_bits;
  std::string sealed_salt;
  uint64_t leaf_index = 0;
  crypto::Uuid request_id;
  bool exchange = false;
  bool may_be_held = false;  // by the partner, as ListHeld says
};

// The end of one disclosure that was not simply acknowledged. An exchange always ends by one of these, DELIVERED
// included.
struct Settlement {
  int64_t seq = 0;
  v1::DisclosureState state = v1::DISCLOSURE_STATE_UNSPECIFIED;
  std::string reason;  // ErrorReason name, may be empty
};

// What a batch of acknowledgements and ends changes. Payloads of settled records go, except dead letters', which are
// set aside.
struct SettleBatch {
  LaneSpan span;
  absl::Time time;
  int64_t watermark = 0;              // new watermark, or 0: unchanged
  std::vector<int64_t> acknowledged;  // every newly acknowledged seq, ascending, at or below the watermark or above it;
                                      // known ones are ignored
  std::vector<Settlement> settlements;  // become outcomes, as acknowledgements do
  std::vector<std::string> audit_leaves;
};

// One line of the outcome feed.
struct OutcomeRow {
  int64_t position = 0;  // resume after this; positions grow, with gaps
  DisclosureRow disclosure;
  v1::DisclosureState state = v1::DISCLOSURE_STATE_UNSPECIFIED;
  std::string reason;
  absl::Time time;
  std::string sealed_result;  // of a submitted result; may be empty
  std::string result_type;
};

struct DeadLetterRow {
  DisclosureRow disclosure;
  std::string reason;
  absl::Time time;
};

// A replayed dead letter that is pending again.
struct PendingReplay {
  int64_t seq = 0;
  Mac16 record_key{};
};

// One all-or-nothing change. Everything that is empty is left alone.
struct ChangeSet {
  struct PartnerWrite {
    PartnerRow row;             // id 0: insert, and the id is returned
    std::string expected_etag;  // empty for an insert; ETAG_MISMATCH otherwise
  };
  std::vector<PartnerWrite> partners;
  std::vector<FenceScope> raise_fences;             // all get one new FenceVersion
  std::optional<BundleRow> bundle;                  // in_force: replaces the one in force
  std::optional<std::string> expected_bundle_etag;  // of the one in force, "" for none; ETAG_MISMATCH otherwise
  std::vector<RevisionRow> revisions;               // insert or replace by name
  std::vector<CampaignRow> campaigns;               // insert or replace by name
  std::vector<NoticeRow> notices;                   // insert or replace by name
  std::vector<HandleOutcomeRow> handle_outcomes;
  std::vector<OrderEventRow> order_events;  // the first time of an event stays; each makes the order due for retention
  std::vector<SubjectRecordRow> subject_records;  // insert, replace or (empty resource) delete by subject, kind and key
  std::vector<SubjectRequestRow> subject_requests;  // insert or replace by name
  std::vector<RetentionOrderRow> retention_orders;  // insert or replace by order
  std::optional<std::string> retention_totals;
  StatisticsChange statistics;
  std::vector<InvestigationRow> investigations;  // insert or replace by name
  std::vector<FindingRow> findings;              // insert
  std::vector<SeenRow> seen;                     // insert; known ones are ignored
  std::vector<SettleBatch> settlements;
  struct SubmittedResult {
    int64_t seq = 0;
    absl::Time time;
    std::string type;
    std::string sealed_result;
    crypto::Uuid request_id;  // once per disclosure and request id; a repeat is ALREADY_EXISTS
    Hash32 content_digest{};
  };
  std::vector<SubmittedResult> results;
  // Ends every pending and dead-lettered payload of a partner in one step, whatever their number: rows stay, their
  // state becomes UNDELIVERED with this reason where they are above the dispatch mark; one outcome entry stands for all
  // of them and is expanded as it is read. What is at or below the mark and unacknowledged, and every open exchange,
  // becomes OUTCOME_UNKNOWN with this reason, one outcome each, and stays held; an acknowledgement or an answer that is
  // still on its way corrects it. The payloads leave the files soon after; their key is the caller's to destroy.
  struct EndBacklog {
    PartnerId partner = 0;
    std::string reason;
    absl::Time time;
  };
  std::optional<EndBacklog> end_backlog;
  std::vector<std::string> audit_leaves;
};

struct AppliedChange {
  uint64_t fence_version = 0;              // after the change
  std::vector<PartnerId> partner_ids;      // one for each PartnerWrite
  std::vector<std::string> partner_etags;  // likewise
  std::string bundle_etag;                 // where a bundle was written
  uint64_t first_leaf = 0;                 // index of the first audit leaf
};

struct TreeHead {
  uint64_t size = 0;
  Hash32 root{};
};

class Store : public SubjectReads,
              public RetentionReads,
              public StatisticsReads,
              public InvestigationReads,
              public SupervisionReads {
 public:
  // --- hot path
  // Commits a group: per entry fence, idempotency and version checks, then rows, audit leaves, tree head and `marks`,
  // all in one durable transaction. `results` has one element per entry, in order. Not OK: nothing of the group is
  // committed.
  virtual absl::Status CommitGroup(absl::Span<const NewDisclosure> group, absl::Span<const DispatchMark> marks,
                                   std::vector<CommitResult>* results) = 0;
  // Makes dispatch marks durable; a mark never goes back. FENCED, and no mark is moved, if one lies in a backlog that
  // was ended.
  virtual absl::Status ReserveDispatch(absl::Span<const DispatchMark> marks) = 0;
  virtual absl::Status Settle(absl::Span<const SettleBatch> batches) = 0;

  // --- cold path
  // Errors: ETAG_MISMATCH; ALREADY_EXISTS for a second partner of a name or a repeated result; PARTNER_UNKNOWN;
  // NOT_FOUND for a seq.
  virtual absl::StatusOr<AppliedChange> Apply(const ChangeSet& change) = 0;
  // Appends audit leaves alone (refusals, reads, lifecycle). Returns the index of the first.
  virtual absl::StatusOr<uint64_t> AppendAudit(absl::Span<const std::string> leaves) = 0;
  // The number of `grant`; the same for the same content.
  virtual absl::StatusOr<GrantId> InternGrant(const GrantRef& grant) = 0;

  // --- reads (each sees one consistent state; none blocks a writer)
  virtual absl::StatusOr<GrantRef> ReadGrant(GrantId id) = 0;
  virtual absl::StatusOr<uint64_t> ReadFenceVersion() = 0;
  // The newest ledger position, 0 at first.
  virtual absl::StatusOr<int64_t> ReadLastSeq() = 0;
  // Pending payloads of a partner with seq above `after`, in order; at most `limit` records and, after the first,
  // `max_bytes`. Settled, dead-lettered and withdrawn ones are left out.
  virtual absl::StatusOr<std::vector<PendingPayload>> ReadBacklog(PartnerId partner, int64_t after, int limit,
                                                                  int64_t max_bytes) = 0;
  virtual absl::StatusOr<LaneState> ReadLanes(PartnerId partner) = 0;
  // Ledger positions above the watermark that are settled already.
  virtual absl::StatusOr<std::vector<int64_t>> ReadSettledAbove(PartnerId partner, int64_t watermark) = 0;
  virtual absl::StatusOr<DisclosureRow> ReadDisclosure(const crypto::Uuid& id) = 0;  // NOT_FOUND
  // Nothing if the request has committed nothing there within the time that requests are remembered.
  virtual absl::StatusOr<std::optional<CommittedRequest>> FindRequest(const RequestKey& request) = 0;
  // Newest first, below `before` (0: from the end). A replayed dead letter is listed at its new position only.
  virtual absl::StatusOr<std::vector<DisclosureRow>> ListDisclosures(PartnerId partner, int64_t before, int limit) = 0;
  // Oldest first, above `after`, not above `to`; what the partner may hold or held: handed over or acknowledged, and
  // every exchange but those that FAILED before anything was sent (all that FAILED for another reason than
  // PARTNER_FAILED). A replayed dead letter can come twice.
  virtual absl::StatusOr<std::vector<DisclosureRow>> ListHeld(PartnerId partner, int64_t after, int64_t to,
                                                              int limit) = 0;
  // Exchanges that nothing was settled of, not even that their outcome is unknown; by partner, oldest first.
  virtual absl::StatusOr<std::vector<DisclosureRow>> ListOpenExchanges() = 0;
  // Disclosures that concern a subject, or are of an order (DisclosureRow::order), oldest first. Sees the unindexed
  // tail too.
  virtual absl::StatusOr<std::vector<DisclosureRow>> ListBySubject(const Mac16& subject, int64_t after, int limit) = 0;
  struct BacklogCounts {
    int64_t delivered = 0;  // acknowledged ever
    int64_t possibly_held =
        0;  // handed over or reserved, unacknowledged; exchanges of unknown outcome or refused by the partner
    int64_t undelivered = 0;  // above the dispatch mark and not settled
    int64_t total = 0;        // disclosures ever, exchanges included
  };
  virtual absl::StatusOr<BacklogCounts> CountBacklog(PartnerId partner) = 0;
  // Pending payloads older than `time`, above `after`, in order, for max_pending_hours.
  virtual absl::StatusOr<std::vector<PendingPayload>> ReadPendingOlderThan(PartnerId partner, int64_t after,
                                                                           absl::Time time, int limit) = 0;
  virtual absl::StatusOr<std::vector<OutcomeRow>> ReadOutcomes(int64_t after, int limit) = 0;
  virtual absl::StatusOr<std::vector<DeadLetterRow>> ListDeadLetters(PartnerId partner, int64_t after, int limit) = 0;
  // Oldest first.
  virtual absl::StatusOr<std::vector<PendingReplay>> ListPendingReplays(PartnerId partner) = 0;
  // How many records of each key are pending. Walks the partner's backlog.
  virtual absl::StatusOr<std::vector<int64_t>> CountPendingOf(PartnerId partner,
                                                              absl::Span<const Mac16> record_keys) = 0;
  virtual absl::StatusOr<PendingPayload> ReadDeadLetter(const crypto::Uuid& id) = 0;  // NOT_FOUND
  // A dead letter becomes pending again under a new ledger position of its own (returned), is given up and stays
  // DEAD_LETTERED without payload, or is given up and becomes WITHDRAWN, which is an outcome. NOT_FOUND if it is no
  // dead letter.
  virtual absl::StatusOr<int64_t> ReplayDeadLetter(const crypto::Uuid& id, absl::string_view audit_leaf) = 0;
  virtual absl::Status DropDeadLetter(const crypto::Uuid& id, absl::string_view audit_leaf) = 0;
  virtual absl::Status WithdrawDeadLetter(const crypto::Uuid& id, absl::string_view reason, absl::Time time,
                                          absl::string_view audit_leaf) = 0;

  virtual absl::StatusOr<std::vector<PartnerRow>> ListPartners() = 0;
  virtual absl::StatusOr<std::optional<BundleRow>> ReadBundleInForce() = 0;
  virtual absl::StatusOr<std::optional<BundleRow>> ReadBundle(absl::string_view digest) = 0;
  virtual absl::StatusOr<std::vector<RevisionRow>> ListRevisions(PartnerId partner) = 0;
  virtual absl::StatusOr<std::vector<CampaignRow>> ListCampaigns(std::optional<PartnerId> partner) = 0;
  virtual absl::StatusOr<std::optional<CampaignRow>> ReadCampaign(absl::string_view name) = 0;
  virtual absl::StatusOr<std::vector<NoticeRow>> ListNotices(PartnerId partner, absl::string_view campaign,
                                                             int64_t after_row, int limit,
                                                             bool open_only) = 0;  // empty campaign: all; oldest first
  virtual absl::StatusOr<std::optional<NoticeRow>> ReadNotice(absl::string_view name) = 0;
  virtual absl::StatusOr<std::vector<HandleOutcomeRow>> ListHandleOutcomes(absl::string_view notice) = 0;
  virtual absl::StatusOr<std::vector<OrderEventRow>> ListOrderEvents(const Mac16& order) = 0;

  virtual absl::StatusOr<TreeHead> ReadTreeHead() = 0;
  virtual absl::StatusOr<std::vector<std::string>> ReadLeaves(uint64_t start, int limit) = 0;
  // Hash of the complete subtree of 2^level leaves that starts at leaf index * 2^level; for proofs.
  virtual absl::StatusOr<Hash32> ReadTreeHash(int level, uint64_t index) = 0;
  // The newest signed checkpoint that was published, empty at first; and its replacement.
  virtual absl::StatusOr<std::string> ReadCheckpoint() = 0;
  virtual absl::Status WriteCheckpoint(absl::string_view checkpoint) = 0;
  // A random id made with the store: the gateway incarnation's identity.
  virtual crypto::Uuid instance() const = 0;
  // Asks that the bytes of deleted rows leave the store's files soon; done in the background. For use after keys were
  // shredded.
  virtual void RequestScrub() = 0;
  // Walks everything: page checks, tree against leaves, rows against leaves. DATA_LOSS names the first thing that is
  // wrong. Slow.
  virtual absl::Status Check() = 0;
};

}  // namespace postern::storage
