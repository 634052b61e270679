#include "server/storage/sql/queue.h"

#include <algorithm>

#include "proto/errors/error.h"
#include "server/storage/errors.h"

namespace postern::storage {

const BacklogEnd* QueueState::EndAfter(int64_t seq) const {
  const auto end = std::find_if(ends.begin(), ends.end(), [seq](const BacklogEnd& e) { return seq <= e.upto; });
  return end == ends.end() ? nullptr : &*end;
}

const BacklogEnd* QueueState::EndOf(int64_t seq) const {
  const BacklogEnd* end = EndAfter(seq);
  return end != nullptr && seq > end->mark ? end : nullptr;
}

absl::StatusOr<QueueState> ReadQueue(Connection& db, PartnerId partner) {
  QueueState state;
  {
    Query query(
        db,
        "SELECT watermark, dispatch_mark, total, delivered, unsettled, open_exchanges FROM queue WHERE partner = ?");
    query.Bind(partner);
    if (query.Next()) {
      state.watermark = query.Int(0);
      state.dispatch_mark = query.Int(1);
      state.total = query.Int(2);
      state.delivered = query.Int(3);
      state.unsettled = query.Int(4);
      state.open_exchanges = query.Int(5);
    }
    POSTERN_RETURN_IF_ERROR(query.status());
  }
  Query query(db, "SELECT upto, mark, reason FROM backlog_end WHERE partner = ? ORDER BY upto");
  query.Bind(partner);
  while (query.Next()) state.ends.push_back({query.Int(0), query.Int(1), query.String(2)});
  POSTERN_RETURN_IF_ERROR(query.status());
  return state;
}

absl::StatusOr<std::vector<int64_t>> ReadUnsettled(Connection& db, PartnerId partner, int64_t from, int64_t to) {
  std::vector<int64_t> seqs;
  Query query(db,
              "SELECT d.seq FROM disclosure d WHERE d.partner = ?1 AND d.seq > ?2 AND d.seq <= ?3 AND d.exchange = 0 "
              "AND NOT EXISTS(SELECT 1 FROM settlement s WHERE s.seq = d.seq) "
              "AND NOT EXISTS(SELECT 1 FROM settled_above a WHERE a.queue_key = (?1 << 40 | d.seq)) ORDER BY d.seq");
  query.Bind(partner).Bind(from).Bind(to);
  while (query.Next()) seqs.push_back(query.Int(0));
  POSTERN_RETURN_IF_ERROR(query.status());
  return seqs;
}

bool MayHoldExchange(v1::DisclosureState state, absl::string_view reason) {
  return state != v1::DISCLOSURE_STATE_FAILED || reason == v1::ErrorReason_Name(v1::ERROR_REASON_PARTNER_FAILED);
}

absl::Status CheckSpan(const LaneSpan& span) {
  return span.first == 0 && span.last == kLanes - 1 ? absl::OkStatus() : errors::LaneSpanUnsupported();
}

absl::StatusOr<bool> MoveDispatchMark(WriteScope& scope, const DispatchMark& mark) {
  POSTERN_RETURN_IF_ERROR(CheckSpan(mark.span));
  const int64_t seq = std::min(mark.seq, scope.head().last_seq);
  {
    Query query(scope.db(), "SELECT mark, upto FROM backlog_end WHERE partner = ? ORDER BY upto DESC LIMIT 1");
    query.Bind(mark.span.partner);
    if (query.Next() && seq > query.Int(0) && seq <= query.Int(1)) return false;
    POSTERN_RETURN_IF_ERROR(query.status());
  }
  POSTERN_RETURN_IF_ERROR(Query(scope.db(),
                                "INSERT INTO queue(partner, dispatch_mark) VALUES(?, ?) ON CONFLICT(partner) "
                                "DO UPDATE SET dispatch_mark = excluded.dispatch_mark WHERE excluded.dispatch_mark > "
                                "queue.dispatch_mark")
                              .Bind(mark.span.partner)
                              .Bind(seq)
                              .Run());
  return true;
}

absl::Status CountCommitted(WriteScope& scope, PartnerId partner, int64_t records, int64_t exchanges) {
  return Query(scope.db(),
               "INSERT INTO queue(partner, total, unsettled, open_exchanges) VALUES(?, ?, ?, ?) ON CONFLICT(partner) "
               "DO UPDATE SET total = queue.total + excluded.total, unsettled = queue.unsettled + excluded.unsettled, "
               "open_exchanges = queue.open_exchanges + excluded.open_exchanges")
      .Bind(partner)
      .Bind(records + exchanges)
      .Bind(records)
      .Bind(exchanges)
      .Run();
}

}  // namespace postern::storage
