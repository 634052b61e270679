#include "server/storage/sql/settle.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "proto/errors/error.h"
#include "server/storage/errors.h"
#include "server/storage/sql/outcomes.h"
#include "server/storage/sql/packing.h"
#include "server/storage/sql/queue.h"

namespace postern::storage {
namespace {

class BatchSettler {
 public:
  BatchSettler(WriteScope& scope, const SettleBatch& batch, const QueueState& queue)
      : scope_(scope),
        db_(scope.db()),
        batch_(batch),
        partner_(batch.span.partner),
        queue_(queue),
        watermark_(std::max(queue.watermark, batch.watermark)) {}

  absl::Status Settle();

 private:
  absl::Status MoveWatermark();
  absl::Status Acknowledge();
  absl::Status End(const Settlement& settlement);
  // False if it was there already.
  absl::StatusOr<bool> AddSettledAbove(int64_t seq);
  absl::StatusOr<bool> EndedAlready(const Settlement& settlement, bool exchange);
  // The record of `seq` ended before the partner could have it: the shop may send its version again.
  absl::Status GiveVersionBack(int64_t seq);
  absl::Status SetAside(const Settlement& settlement);
  absl::Status DropPayloads(int64_t first, int64_t last);
  absl::Status WriteQueue();

  WriteScope& scope_;
  Connection& db_;
  const SettleBatch& batch_;
  const PartnerId partner_;
  const QueueState& queue_;
  const int64_t watermark_;
  absl::flat_hash_set<int64_t> passed_;  // settled above the old watermark, and at or below the new one
  int64_t delivered_ = 0;
  int64_t settled_ = 0;
  int64_t closed_exchanges_ = 0;
};

absl::Status BatchSettler::Settle() {
  // Ends come first: a dead letter's payload must be aside before the watermark takes payloads away by range.
  for (const Settlement& settlement : batch_.settlements) POSTERN_RETURN_IF_ERROR(End(settlement));
  POSTERN_RETURN_IF_ERROR(MoveWatermark());
  POSTERN_RETURN_IF_ERROR(Acknowledge());
  POSTERN_RETURN_IF_ERROR(WriteQueue());
  return scope_.AppendLeaves(batch_.audit_leaves);
}

absl::Status BatchSettler::MoveWatermark() {
  if (watermark_ == queue_.watermark) return absl::OkStatus();
  Query query(db_, "DELETE FROM settled_above WHERE queue_key > ? AND queue_key <= ? RETURNING queue_key");
  query.Bind(QueueKey(partner_, queue_.watermark)).Bind(QueueKey(partner_, watermark_));
  while (query.Next()) passed_.insert(SeqOf(query.Int(0)));
  POSTERN_RETURN_IF_ERROR(query.status());
  return DropPayloads(0, watermark_);
}

absl::Status BatchSettler::Acknowledge() {
  std::vector<int64_t> fresh;
  fresh.reserve(batch_.acknowledged.size());
  for (const int64_t seq : batch_.acknowledged) {
    if (seq <= queue_.watermark || passed_.contains(seq)) continue;
    if (seq > watermark_) {
      POSTERN_ASSIGN_OR_RETURN(const bool added, AddSettledAbove(seq));
      if (!added) continue;
      POSTERN_RETURN_IF_ERROR(DropPayloads(seq, seq));
    }
    fresh.push_back(seq);
  }
  delivered_ += static_cast<int64_t>(fresh.size());
  settled_ += static_cast<int64_t>(fresh.size());
  return AddOutcomes(scope_, {partner_, v1::DISCLOSURE_STATE_DELIVERED, "", batch_.time}, fresh);
}

absl::Status BatchSettler::End(const Settlement& settlement) {
  bool exchange = false;
  bool replay = false;  // of a dead letter: it was handed over before
  {
    Query query(db_, "SELECT exchange, replay_of IS NOT NULL FROM disclosure WHERE seq = ? AND partner = ?");
    query.Bind(settlement.seq).Bind(partner_);
    if (!query.Next()) return query.status().ok() ? errors::NotFound("disclosure") : query.status();
    exchange = query.Int(0) != 0;
    replay = query.Int(1) != 0;
  }
  POSTERN_ASSIGN_OR_RETURN(const bool ended, EndedAlready(settlement, exchange));
  if (ended) return absl::OkStatus();
  POSTERN_RETURN_IF_ERROR(
      Query(db_,
            "INSERT INTO settlement(seq, state, reason, time, handed) VALUES(?, ?, ?, ?, ?) ON CONFLICT(seq) "
            "DO UPDATE SET state = excluded.state, reason = excluded.reason, time = excluded.time")
          .Bind(settlement.seq)
          .Bind(settlement.state)
          .BindText(settlement.reason)
          .Bind(PackTime(batch_.time))
          .Bind(queue_.MayHaveBeenHanded(settlement.seq) ? 1 : 0)
          .Run());
  if (settlement.state == v1::DISCLOSURE_STATE_DELIVERED) ++delivered_;
  if (exchange) {
    POSTERN_RETURN_IF_ERROR(
        Query(db_, "DELETE FROM open_exchange WHERE queue_key = ?").Bind(QueueKey(partner_, settlement.seq)).Run());
    const bool held = MayHoldExchange(settlement.state, settlement.reason);
    if (settlement.state == v1::DISCLOSURE_STATE_DELIVERED || !held) ++closed_exchanges_;
  } else {
    ++settled_;
    if (!replay && !queue_.MayHaveBeenHanded(settlement.seq) && settlement.state != v1::DISCLOSURE_STATE_DELIVERED) {
      POSTERN_RETURN_IF_ERROR(GiveVersionBack(settlement.seq));
    }
    if (settlement.seq > queue_.watermark) POSTERN_RETURN_IF_ERROR(AddSettledAbove(settlement.seq).status());
    if (settlement.state == v1::DISCLOSURE_STATE_DEAD_LETTERED) POSTERN_RETURN_IF_ERROR(SetAside(settlement));
    POSTERN_RETURN_IF_ERROR(DropPayloads(settlement.seq, settlement.seq));
  }
  return AddOutcomes(scope_, {partner_, settlement.state, settlement.reason, batch_.time}, {settlement.seq});
}

absl::Status BatchSettler::GiveVersionBack(int64_t seq) {
  int64_t version_scope = 0;
  Mac16 record_key;
  uint64_t version = 0;
  {
    Query query(db_,
                "SELECT g.scope, d.record_key, d.record_version FROM disclosure d JOIN grant_ref g ON g.id = "
                "d.grant_id WHERE d.seq = ? AND d.record_version IS NOT NULL");
    query.Bind(seq);
    if (!query.Next()) return query.status();
    version_scope = query.Int(0);
    POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(1), &record_key));
    version = static_cast<uint64_t>(query.Int(2));
  }
  return scope_.versions().GiveBack(db_, version_scope, record_key, version);
}

absl::StatusOr<bool> BatchSettler::EndedAlready(const Settlement& settlement, bool exchange) {
  const int64_t seq = settlement.seq;
  {
    Query query(db_, "SELECT state FROM settlement WHERE seq = ?");
    query.Bind(seq);
    if (query.Next()) {
      // What was unknown can become known, and is told once.
      const bool unknown = exchange && query.Int(0) == v1::DISCLOSURE_STATE_OUTCOME_UNKNOWN;
      return !unknown || settlement.state == v1::DISCLOSURE_STATE_OUTCOME_UNKNOWN;
    }
    POSTERN_RETURN_IF_ERROR(query.status());
  }
  if (exchange) return false;
  // At or below the watermark everything without a settlement was acknowledged, but for what an ended backlog left
  // there.
  if (seq <= queue_.watermark) return queue_.EndOf(seq) == nullptr;
  Query query(db_, "SELECT 1 FROM settled_above WHERE queue_key = ?");
  query.Bind(QueueKey(partner_, seq));
  const bool acknowledged = query.Next();
  POSTERN_RETURN_IF_ERROR(query.status());
  return acknowledged;
}

absl::StatusOr<bool> BatchSettler::AddSettledAbove(int64_t seq) {
  POSTERN_RETURN_IF_ERROR(Query(db_, "INSERT INTO settled_above(queue_key) VALUES(?) ON CONFLICT DO NOTHING")
                              .Bind(QueueKey(partner_, seq))
                              .Run());
  return db_.changes() == 1;
}

absl::Status BatchSettler::SetAside(const Settlement& settlement) {
  return Query(db_,
               "INSERT INTO dead_letter(queue_key, reason, time, sealed_payload) "
               "SELECT queue_key, ?, ?, sealed_payload FROM pending WHERE queue_key = ?")
      .BindText(settlement.reason)
      .Bind(PackTime(batch_.time))
      .Bind(QueueKey(partner_, settlement.seq))
      .Run();
}

absl::Status BatchSettler::DropPayloads(int64_t first, int64_t last) {
  return Query(db_, "DELETE FROM pending WHERE queue_key >= ? AND queue_key <= ?")
      .Bind(QueueKey(partner_, first))
      .Bind(QueueKey(partner_, last))
      .Run();
}

absl::Status BatchSettler::WriteQueue() {
  return Query(db_,
               "UPDATE queue SET watermark = ?, delivered = delivered + ?, unsettled = unsettled - ?, open_exchanges = "
               "open_exchanges - ? "
               "WHERE partner = ?")
      .Bind(watermark_)
      .Bind(delivered_)
      .Bind(settled_)
      .Bind(closed_exchanges_)
      .Bind(partner_)
      .Run();
}

// What the partner may have at the end of its backlog and nobody knows of: it stays held, and the shop is told.
absl::Status EndInUncertainty(WriteScope& scope, const ChangeSet::EndBacklog& end, const QueueState& queue,
                              int64_t mark) {
  const OutcomeKind unknown = {end.partner, v1::DISCLOSURE_STATE_OUTCOME_UNKNOWN, end.reason, end.time};
  // Up to the end before this one all was told then.
  POSTERN_ASSIGN_OR_RETURN(const std::vector<int64_t> records,
                           ReadUnsettled(scope.db(), end.partner, std::max(queue.watermark, queue.ended_upto()), mark));
  POSTERN_RETURN_IF_ERROR(AddOutcomes(scope, unknown, records));

  std::vector<int64_t> exchanges;
  Query open(scope.db(),
             "SELECT queue_key FROM open_exchange WHERE queue_key > ? AND queue_key <= ? ORDER BY queue_key");
  open.Bind(QueueKey(end.partner, 0)).Bind(QueueKey(end.partner, kMaxSeq));
  while (open.Next()) exchanges.push_back(SeqOf(open.Int(0)));
  POSTERN_RETURN_IF_ERROR(open.status());
  SettleBatch batch;
  batch.span.partner = end.partner;
  batch.time = end.time;
  for (const int64_t seq : exchanges) batch.settlements.push_back({seq, unknown.state, end.reason});
  return BatchSettler(scope, batch, queue).Settle();
}

}  // namespace

absl::Status SettleIn(WriteScope& scope, const SettleBatch& batch) {
  POSTERN_RETURN_IF_ERROR(CheckSpan(batch.span));
  POSTERN_ASSIGN_OR_RETURN(const QueueState queue, ReadQueue(scope.db(), batch.span.partner));
  return BatchSettler(scope, batch, queue).Settle();
}

absl::Status EndBacklogIn(WriteScope& scope, const ChangeSet::EndBacklog& end) {
  POSTERN_ASSIGN_OR_RETURN(const QueueState queue, ReadQueue(scope.db(), end.partner));
  const int64_t upto = scope.head().last_seq;
  const int64_t mark = std::max(queue.dispatch_mark, queue.ended_upto());
  POSTERN_RETURN_IF_ERROR(EndInUncertainty(scope, end, queue, mark));
  // Written even if nothing is above the mark: it also ends the dead letters, and what was handed over.
  POSTERN_RETURN_IF_ERROR(
      Query(scope.db(),
            "INSERT INTO backlog_end(partner, upto, mark, reason, time) VALUES(?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")
          .Bind(end.partner)
          .Bind(upto)
          .Bind(mark)
          .BindText(end.reason)
          .Bind(PackTime(end.time))
          .Run());
  if (upto <= mark) return absl::OkStatus();
  return AddBacklogEndOutcome(scope, {end.partner, v1::DISCLOSURE_STATE_UNDELIVERED, end.reason, end.time}, mark, upto);
}

absl::Status SubmitResultIn(WriteScope& scope, const ChangeSet::SubmittedResult& result) {
  Connection& db = scope.db();
  PartnerId partner = 0;
  {
    Query query(db, "SELECT partner FROM disclosure WHERE seq = ?");
    query.Bind(result.seq);
    if (!query.Next()) return query.status().ok() ? errors::NotFound("disclosure") : query.status();
    partner = query.Int(0);
  }
  POSTERN_RETURN_IF_ERROR(
      Query(db, "INSERT INTO submitted_result(seq, request_id, content_digest) VALUES(?, ?, ?) ON CONFLICT DO NOTHING")
          .Bind(result.seq)
          .Bind(View(result.request_id))
          .Bind(View(result.content_digest))
          .Run());
  if (db.changes() == 0) {
    Query query(db, "SELECT content_digest FROM submitted_result WHERE seq = ? AND request_id = ?");
    query.Bind(result.seq).Bind(View(result.request_id));
    const bool same = query.Next() && crypto::ConstantTimeEquals(query.Bytes(0), View(result.content_digest));
    POSTERN_RETURN_IF_ERROR(query.status());
    return same ? errors::ResultRepeated() : errors::RequestIdReused();
  }
  return AddResultOutcome(scope, {partner, v1::DISCLOSURE_STATE_DELIVERED, "", result.time}, result);
}

}  // namespace postern::storage
