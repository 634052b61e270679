#include "proto/errors/error.h"
#include "server/storage/errors.h"
#include "server/storage/sql/disclosure_rows.h"
#include "server/storage/sql/outcomes.h"
#include "server/storage/sql/packing.h"
#include "server/storage/sql/queue.h"
#include "server/storage/sql/settle.h"

namespace postern::storage {
namespace {

struct Place {
  int64_t seq = 0;
  PartnerId partner = 0;
};

absl::StatusOr<Place> FindDeadLetter(Connection& db, const crypto::Uuid& id) {
  POSTERN_ASSIGN_OR_RETURN(const int64_t seq, NewestSeqOf(db, id));
  Query query(db, "SELECT partner FROM disclosure WHERE seq = ?");
  query.Bind(seq);
  const Place place{seq, query.Next() ? query.Int(0) : 0};
  POSTERN_RETURN_IF_ERROR(query.status());
  Query letter(db, "SELECT 1 FROM dead_letter WHERE queue_key = ?");
  letter.Bind(QueueKey(place.partner, place.seq));
  const bool found = letter.Next();
  POSTERN_RETURN_IF_ERROR(letter.status());
  // The payload of an ended backlog is dead, even while its row waits to be swept.
  POSTERN_ASSIGN_OR_RETURN(const QueueState queue, ReadQueue(db, place.partner));
  if (!found || seq <= queue.ended_upto()) return errors::NotFound("dead letter");
  return place;
}

absl::Status DeleteDeadLetter(Connection& db, const Place& place) {
  return Query(db, "DELETE FROM dead_letter WHERE queue_key = ?").Bind(QueueKey(place.partner, place.seq)).Run();
}

}  // namespace

absl::StatusOr<int64_t> ReplayDeadLetterIn(WriteScope& scope, const crypto::Uuid& id) {
  Connection& db = scope.db();
  POSTERN_ASSIGN_OR_RETURN(const Place old_place, FindDeadLetter(db, id));
  const int64_t seq = scope.NextSeq();
  // The caller appends the replay's leaf after this, so the tree's size now is its index.
  POSTERN_RETURN_IF_ERROR(Query(db,
                                "INSERT INTO disclosure(seq, id, partner, grant_id, lane, exchange, time, record_key, "
                                "record_version, subjects, key_ids, "
                                "order_mac, handle, withheld, sealed_salt, leaf_index, request_id, replay_of) "
                                "SELECT ?, id, partner, grant_id, lane, exchange, time, record_key, record_version, "
                                "subjects, key_ids, order_mac, handle, "
                                "withheld, sealed_salt, ?, request_id, seq FROM disclosure WHERE seq = ?")
                              .Bind(seq)
                              .Bind(static_cast<int64_t>(scope.head().tree.size()))
                              .Bind(old_place.seq)
                              .Run());
  POSTERN_RETURN_IF_ERROR(Query(db,
                                "INSERT INTO pending(queue_key, sealed_payload) SELECT ?, sealed_payload FROM "
                                "dead_letter WHERE queue_key = ?")
                              .Bind(QueueKey(old_place.partner, seq))
                              .Bind(QueueKey(old_place.partner, old_place.seq))
                              .Run());
  POSTERN_RETURN_IF_ERROR(
      Query(db, "UPDATE settlement SET replayed_as = ? WHERE seq = ?").Bind(seq).Bind(old_place.seq).Run());
  POSTERN_RETURN_IF_ERROR(
      Query(db, "UPDATE queue SET unsettled = unsettled + 1 WHERE partner = ?").Bind(old_place.partner).Run());
  POSTERN_RETURN_IF_ERROR(DeleteDeadLetter(db, old_place));
  return seq;
}

absl::Status DropDeadLetterIn(WriteScope& scope, const crypto::Uuid& id) {
  POSTERN_ASSIGN_OR_RETURN(const Place place, FindDeadLetter(scope.db(), id));
  return DeleteDeadLetter(scope.db(), place);
}

absl::Status WithdrawDeadLetterIn(WriteScope& scope, const crypto::Uuid& id, absl::string_view reason,
                                  absl::Time time) {
  POSTERN_ASSIGN_OR_RETURN(const Place place, FindDeadLetter(scope.db(), id));
  POSTERN_RETURN_IF_ERROR(Query(scope.db(), "UPDATE settlement SET state = ?, reason = ?, time = ? WHERE seq = ?")
                              .Bind(v1::DISCLOSURE_STATE_WITHDRAWN)
                              .BindText(reason)
                              .Bind(PackTime(time))
                              .Bind(place.seq)
                              .Run());
  POSTERN_RETURN_IF_ERROR(
      AddOutcomes(scope, {place.partner, v1::DISCLOSURE_STATE_WITHDRAWN, reason, time}, {place.seq}));
  return DeleteDeadLetter(scope.db(), place);
}

}  // namespace postern::storage
