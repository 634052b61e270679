#include "server/storage/sql/backlog.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "proto/errors/error.h"
#include "server/storage/errors.h"
#include "server/storage/sql/disclosure_rows.h"
#include "server/storage/sql/packing.h"
#include "server/storage/sql/queue.h"

namespace postern::storage {
namespace {

#define POSTERN_SELECT_PAYLOAD                                                                            \
  "SELECT d.seq, d.id, d.grant_id, d.lane, d.record_key, d.record_version, d.handle, d.time, d.key_ids, " \
  "p.sealed_payload, d.replay_of IS NOT NULL FROM "

absl::StatusOr<PendingPayload> ReadPayload(const Query& query) {
  PendingPayload payload;
  payload.seq = query.Int(0);
  POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(1), &payload.id));
  payload.grant = query.Int(2);
  payload.lane = static_cast<int>(query.Int(3));
  POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(4), &payload.record_key));
  payload.record_version = static_cast<uint64_t>(query.Int(5));
  POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(6), &payload.handle));
  payload.time = UnpackTime(query.Int(7));
  POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(8), &payload.key_ids));
  payload.sealed_payload = query.String(9);
  payload.replayed = query.Int(10) != 0;
  return payload;
}

struct Bounds {
  int64_t max_bytes = std::numeric_limits<int64_t>::max();
  absl::Time older_than = absl::InfiniteFuture();
};

absl::StatusOr<std::vector<PendingPayload>> ReadPending(Connection& db, PartnerId partner, int64_t after, int limit,
                                                        const Bounds& bounds) {
  POSTERN_ASSIGN_OR_RETURN(const QueueState queue, ReadQueue(db, partner));
  std::vector<PendingPayload> payloads;
  Query query(db,
              POSTERN_SELECT_PAYLOAD
              "pending p CROSS JOIN disclosure d ON d.seq = (p.queue_key & 1099511627775) WHERE p.queue_key > ? AND "
              "p.queue_key <= ? ORDER BY p.queue_key",
              Rows::kMany);
  query.Bind(QueueKey(partner, std::max(after, queue.ended_upto()))).Bind(QueueKey(partner, kMaxSeq));
  int64_t bytes = 0;
  while (static_cast<int>(payloads.size()) < limit && query.Next()) {
    POSTERN_ASSIGN_OR_RETURN(PendingPayload payload, ReadPayload(query));
    bytes += static_cast<int64_t>(payload.sealed_payload.size());
    if (payload.time >= bounds.older_than || (!payloads.empty() && bytes > bounds.max_bytes)) break;
    payloads.push_back(std::move(payload));
  }
  POSTERN_RETURN_IF_ERROR(query.status());
  return payloads;
}

}  // namespace

absl::StatusOr<std::vector<PendingPayload>> ReadBacklogFrom(Connection& db, PartnerId partner, int64_t after, int limit,
                                                            int64_t max_bytes) {
  return ReadPending(db, partner, after, limit, {.max_bytes = max_bytes});
}

absl::StatusOr<std::vector<PendingPayload>> ReadPendingOlderThanFrom(Connection& db, PartnerId partner, int64_t after,
                                                                     absl::Time time, int limit) {
  return ReadPending(db, partner, after, limit, {.older_than = time});
}

absl::StatusOr<std::vector<int64_t>> ReadSettledAboveFrom(Connection& db, PartnerId partner, int64_t watermark) {
  std::vector<int64_t> seqs;
  Query query(db, "SELECT queue_key FROM settled_above WHERE queue_key > ? AND queue_key <= ? ORDER BY queue_key");
  query.Bind(QueueKey(partner, watermark)).Bind(QueueKey(partner, kMaxSeq));
  while (query.Next()) seqs.push_back(SeqOf(query.Int(0)));
  POSTERN_RETURN_IF_ERROR(query.status());
  return seqs;
}

// Only what was handed over is counted row by row: it is bounded by the credit windows. The backlog, which is not,
// follows from the counters.
absl::StatusOr<Store::BacklogCounts> CountBacklogFrom(Connection& db, PartnerId partner) {
  POSTERN_ASSIGN_OR_RETURN(const QueueState queue, ReadQueue(db, partner));
  int64_t held = 0;
  int64_t from = queue.watermark;
  for (const BacklogEnd& end : queue.ends) {
    if (end.mark > from) {
      POSTERN_ASSIGN_OR_RETURN(const std::vector<int64_t> before_end, ReadUnsettled(db, partner, from, end.mark));
      held += static_cast<int64_t>(before_end.size());
    }
    from = std::max(from, end.upto);
  }
  if (queue.dispatch_mark > from) {
    POSTERN_ASSIGN_OR_RETURN(const std::vector<int64_t> since, ReadUnsettled(db, partner, from, queue.dispatch_mark));
    held += static_cast<int64_t>(since.size());
  }
  Store::BacklogCounts counts;
  counts.delivered = queue.delivered;
  counts.possibly_held = held + queue.open_exchanges;
  counts.undelivered = queue.unsettled - held;
  counts.total = queue.total;
  return counts;
}

absl::StatusOr<std::vector<DeadLetterRow>> ListDeadLettersFrom(Connection& db, PartnerId partner, int64_t after,
                                                               int limit) {
  DisclosureReader reader(db);
  POSTERN_ASSIGN_OR_RETURN(const QueueState* queue, reader.Queue(partner));
  std::vector<DeadLetterRow> letters;
  Query query(db,
              "SELECT queue_key, reason, time FROM dead_letter WHERE queue_key > ? AND queue_key <= ? ORDER BY "
              "queue_key LIMIT ?");
  query.Bind(QueueKey(partner, std::max(after, queue->ended_upto()))).Bind(QueueKey(partner, kMaxSeq)).Bind(limit);
  while (query.Next()) {
    DeadLetterRow letter;
    POSTERN_ASSIGN_OR_RETURN(letter.disclosure, reader.BySeq(SeqOf(query.Int(0))));
    letter.reason = query.String(1);
    letter.time = UnpackTime(query.Int(2));
    letters.push_back(std::move(letter));
  }
  POSTERN_RETURN_IF_ERROR(query.status());
  return letters;
}

absl::StatusOr<std::vector<PendingReplay>> ListPendingReplaysFrom(Connection& db, PartnerId partner) {
  POSTERN_ASSIGN_OR_RETURN(const QueueState queue, ReadQueue(db, partner));
  std::vector<PendingReplay> replays;
  Query query(db,
              "SELECT d.seq, d.record_key FROM disclosure d CROSS JOIN pending p ON p.queue_key = (d.partner << 40 | "
              "d.seq) WHERE d.partner = ? AND d.replay_of IS NOT NULL AND d.seq > ? ORDER BY d.seq");
  query.Bind(partner).Bind(queue.ended_upto());
  while (query.Next()) {
    PendingReplay replay;
    replay.seq = query.Int(0);
    POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(1), &replay.record_key));
    replays.push_back(replay);
  }
  POSTERN_RETURN_IF_ERROR(query.status());
  return replays;
}

absl::StatusOr<std::vector<int64_t>> CountPendingOfFrom(Connection& db, PartnerId partner,
                                                        absl::Span<const Mac16> record_keys) {
  std::vector<int64_t> counts(record_keys.size(), 0);
  if (record_keys.empty()) return counts;
  absl::flat_hash_map<Mac16, size_t> places;
  for (size_t i = 0; i < record_keys.size(); ++i) places.emplace(record_keys[i], i);
  POSTERN_ASSIGN_OR_RETURN(const QueueState queue, ReadQueue(db, partner));
  Query query(db,
              "SELECT d.record_key FROM pending p CROSS JOIN disclosure d ON d.seq = (p.queue_key & 1099511627775) "
              "WHERE p.queue_key > ? AND p.queue_key <= ?",
              Rows::kMany);
  query.Bind(QueueKey(partner, queue.ended_upto())).Bind(QueueKey(partner, kMaxSeq));
  while (query.Next()) {
    Mac16 key;
    POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(0), &key));
    const auto place = places.find(key);
    if (place != places.end()) ++counts[place->second];
  }
  POSTERN_RETURN_IF_ERROR(query.status());
  return counts;
}

absl::StatusOr<PendingPayload> ReadDeadLetterFrom(Connection& db, const crypto::Uuid& id) {
  POSTERN_ASSIGN_OR_RETURN(const int64_t seq, NewestSeqOf(db, id));
  Query query(
      db, POSTERN_SELECT_PAYLOAD
      "disclosure d JOIN dead_letter p ON p.queue_key = (d.partner << 40 | d.seq) WHERE d.seq = ? AND NOT EXISTS("
      "SELECT 1 FROM backlog_end e WHERE e.partner = d.partner AND e.upto >= d.seq)");
  query.Bind(seq);
  if (!query.Next()) return query.status().ok() ? errors::NotFound("dead letter") : query.status();
  return ReadPayload(query);
}

}  // namespace postern::storage
