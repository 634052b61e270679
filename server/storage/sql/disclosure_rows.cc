#include "server/storage/sql/disclosure_rows.h"

#include <limits>
#include <utility>

#include "proto/errors/error.h"
#include "server/crypto/merkle.h"
#include "server/storage/errors.h"
#include "server/storage/sql/packing.h"

namespace postern::storage {
namespace {

enum Column {
  kSeq,
  kId,
  kPartner,
  kGrant,
  kLane,
  kExchange,
  kTime,
  kRecordKey,
  kRecordVersion,
  kSubjects,
  kKeyIds,
  kOrder,
  kHandle,
  kWithheld,
  kSealedSalt,
  kLeafIndex,
  kRequestId,
  kSettledState,
  kSettledReason,
  kHanded,
  kReplayedAs,
  kSettledAbove,
};

absl::Status ReadStored(const Query& query, DisclosureRow* row) {
  row->seq = query.Int(kSeq);
  row->partner = query.Int(kPartner);
  row->grant = query.Int(kGrant);
  row->lane = static_cast<int>(query.Int(kLane));
  row->exchange = query.Int(kExchange) != 0;
  row->time = UnpackTime(query.Int(kTime));
  row->record_version = static_cast<uint64_t>(query.Int(kRecordVersion));
  row->sealed_salt = query.String(kSealedSalt);
  row->leaf_index = static_cast<uint64_t>(query.Int(kLeafIndex));
  POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(kId), &row->id));
  POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(kRecordKey), &row->record_key));
  POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(kSubjects), &row->subjects));
  POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(kKeyIds), &row->key_ids));
  POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(kOrder), &row->order));
  POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(kHandle), &row->handle));
  POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(kWithheld), &row->withheld_bits));
  return Unpack(query.Bytes(kRequestId), &row->request_id);
}

// The order of the questions matters: a settlement is final, an ended backlog overrides a watermark that passed it
// later.
void DeriveState(const Query& query, const QueueState& queue, ReadRow* read) {
  DisclosureRow& row = read->row;
  const bool handed = queue.MayHaveBeenHanded(row.seq);
  if (!query.IsNull(kSettledState)) {
    row.state = static_cast<v1::DisclosureState>(query.Int(kSettledState));
    row.reason = query.String(kSettledReason);
    read->held = row.exchange ? MayHoldExchange(row.state, row.reason) : query.Int(kHanded) != 0;
    read->replayed = !query.IsNull(kReplayedAs);
  } else if (row.exchange) {
    // Committed to be sent at once: from then on the partner may have it.
    row.state = v1::DISCLOSURE_STATE_POSSIBLY_HELD;
    read->held = true;
  } else if (const BacklogEnd* end = queue.EndOf(row.seq)) {
    row.state = v1::DISCLOSURE_STATE_UNDELIVERED;
    row.reason = end->reason;
  } else if (row.seq <= queue.watermark || query.Int(kSettledAbove) != 0) {
    row.state = v1::DISCLOSURE_STATE_DELIVERED;
    read->held = true;
  } else if (const BacklogEnd* late = queue.EndAfter(row.seq)) {
    // Handed over, or about to be, when the backlog ended.
    row.state = v1::DISCLOSURE_STATE_OUTCOME_UNKNOWN;
    row.reason = late->reason;
    read->held = true;
  } else {
    row.state = handed ? v1::DISCLOSURE_STATE_POSSIBLY_HELD : v1::DISCLOSURE_STATE_PENDING;
    read->held = handed;
  }
}

}  // namespace

absl::StatusOr<const QueueState*> DisclosureReader::Queue(PartnerId partner) {
  if (const auto known = queues_.find(partner); known != queues_.end()) return &known->second;
  POSTERN_ASSIGN_OR_RETURN(QueueState state, ReadQueue(db_, partner));
  return &queues_.emplace(partner, std::move(state)).first->second;
}

absl::StatusOr<ReadRow> DisclosureReader::Current(const Query& query) {
  ReadRow read;
  POSTERN_RETURN_IF_ERROR(ReadStored(query, &read.row));
  POSTERN_ASSIGN_OR_RETURN(const QueueState* queue, Queue(read.row.partner));
  DeriveState(query, *queue, &read);
  read.row.may_be_held = read.held;
  return read;
}

absl::StatusOr<DisclosureRow> DisclosureReader::BySeq(int64_t seq) {
  Query query(db_, POSTERN_SELECT_DISCLOSURE "WHERE d.seq = ?");
  query.Bind(seq);
  if (!query.Next()) return query.status().ok() ? errors::NotFound("disclosure") : query.status();
  POSTERN_ASSIGN_OR_RETURN(ReadRow read, Current(query));
  return std::move(read.row);
}

absl::StatusOr<int64_t> NewestSeqOf(Connection& db, const crypto::Uuid& id) {
  Query first(db, "SELECT seq FROM disclosure WHERE id = ? AND replay_of IS NULL");
  first.Bind(View(id));
  if (!first.Next()) return first.status().ok() ? errors::NotFound("disclosure") : first.status();
  int64_t seq = first.Int(0);
  while (true) {
    Query next(db, "SELECT replayed_as FROM settlement WHERE seq = ? AND replayed_as IS NOT NULL");
    next.Bind(seq);
    if (!next.Next()) {
      POSTERN_RETURN_IF_ERROR(next.status());
      return seq;
    }
    seq = next.Int(0);
  }
}

absl::StatusOr<std::optional<CommittedRequest>> FindRequestFrom(Connection& db, const RequestKey& request) {
  Query query(db,
              "SELECT r.content_digest, d.seq, d.id, d.leaf_index, d.time, l.leaf FROM request r "
              "CROSS JOIN disclosure d ON d.seq = r.seq CROSS JOIN audit_leaf l ON l.leaf_index = d.leaf_index "
              "WHERE r.request_id = ? AND r.principal = ? AND r.target = ?");
  query.Bind(View(request.request_id)).Bind(View(request.principal)).Bind(View(request.target));
  if (!query.Next()) {
    POSTERN_RETURN_IF_ERROR(query.status());
    return std::nullopt;
  }
  CommittedRequest found;
  POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(0), &found.content_digest));
  found.result.replayed = true;
  found.result.seq = query.Int(1);
  POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(2), &found.result.id));
  found.result.leaf_index = static_cast<uint64_t>(query.Int(3));
  found.result.time = UnpackTime(query.Int(4));
  found.result.leaf_hash = crypto::MerkleLeafHash(query.Bytes(5));
  return found;
}

absl::StatusOr<DisclosureRow> ReadDisclosureFrom(Connection& db, const crypto::Uuid& id) {
  POSTERN_ASSIGN_OR_RETURN(const int64_t seq, NewestSeqOf(db, id));
  return DisclosureReader(db).BySeq(seq);
}

absl::StatusOr<std::vector<DisclosureRow>> ListDisclosuresFrom(Connection& db, PartnerId partner, int64_t before,
                                                               int limit) {
  DisclosureReader reader(db);
  std::vector<DisclosureRow> rows;
  Query query(db, POSTERN_SELECT_DISCLOSURE "WHERE d.partner = ? AND d.seq < ? ORDER BY d.seq DESC", Rows::kMany);
  query.Bind(partner).Bind(before == 0 ? std::numeric_limits<int64_t>::max() : before);
  while (static_cast<int>(rows.size()) < limit && query.Next()) {
    POSTERN_ASSIGN_OR_RETURN(ReadRow read, reader.Current(query));
    if (!read.replayed) rows.push_back(std::move(read.row));
  }
  POSTERN_RETURN_IF_ERROR(query.status());
  return rows;
}

absl::StatusOr<std::vector<DisclosureRow>> ListOpenExchangesFrom(Connection& db) {
  DisclosureReader reader(db);
  std::vector<DisclosureRow> rows;
  Query query(db, "SELECT queue_key FROM open_exchange ORDER BY queue_key");
  while (query.Next()) {
    POSTERN_ASSIGN_OR_RETURN(DisclosureRow row, reader.BySeq(SeqOf(query.Int(0))));
    rows.push_back(std::move(row));
  }
  POSTERN_RETURN_IF_ERROR(query.status());
  return rows;
}

absl::StatusOr<std::vector<DisclosureRow>> ListHeldFrom(Connection& db, PartnerId partner, int64_t after, int64_t to,
                                                        int limit) {
  DisclosureReader reader(db);
  std::vector<DisclosureRow> rows;
  Query query(db, POSTERN_SELECT_DISCLOSURE "WHERE d.partner = ? AND d.seq > ? AND d.seq <= ? ORDER BY d.seq",
              Rows::kMany);
  query.Bind(partner).Bind(after).Bind(to);
  while (static_cast<int>(rows.size()) < limit && query.Next()) {
    POSTERN_ASSIGN_OR_RETURN(ReadRow read, reader.Current(query));
    if (read.held) rows.push_back(std::move(read.row));
  }
  POSTERN_RETURN_IF_ERROR(query.status());
  return rows;
}

}  // namespace postern::storage
