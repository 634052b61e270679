// Reading disclosures with the state that follows from marks, acknowledgements and settlements.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/node_hash_map.h"
#include "absl/status/statusor.h"
#include "server/storage/sql/connection.h"
#include "server/storage/sql/queue.h"
#include "server/storage/store.h"

namespace postern::storage {

// A row as read, with what the lists decide by.
struct ReadRow {
  DisclosureRow row;
  bool held = false;      // handed over, reserved for it, or acknowledged; of an exchange: see MayHoldExchange
  bool replayed = false;  // a dead letter that stands at a later position
};

// Reads rows within one read transaction, and each queue only once.
class DisclosureReader {
 public:
  explicit DisclosureReader(Connection& db) : db_(db) {}

  // NOT_FOUND.
  absl::StatusOr<DisclosureRow> BySeq(int64_t seq);
  // The columns of the current row of a query whose SQL begins with POSTERN_SELECT_DISCLOSURE.
  absl::StatusOr<ReadRow> Current(const Query& query);
  absl::StatusOr<const QueueState*> Queue(PartnerId partner);

 private:
  Connection& db_;
  absl::node_hash_map<PartnerId, QueueState> queues_;  // nodes, because pointers to them are handed out
};

// The position where a disclosure stands now: its first, or that of its newest replay. NOT_FOUND.
absl::StatusOr<int64_t> NewestSeqOf(Connection& db, const crypto::Uuid& id);

absl::StatusOr<std::optional<CommittedRequest>> FindRequestFrom(Connection& db, const RequestKey& request);
absl::StatusOr<DisclosureRow> ReadDisclosureFrom(Connection& db, const crypto::Uuid& id);
absl::StatusOr<std::vector<DisclosureRow>> ListDisclosuresFrom(Connection& db, PartnerId partner, int64_t before,
                                                               int limit);
absl::StatusOr<std::vector<DisclosureRow>> ListOpenExchangesFrom(Connection& db);
absl::StatusOr<std::vector<DisclosureRow>> ListHeldFrom(Connection& db, PartnerId partner, int64_t after, int64_t to,
                                                        int limit);

}  // namespace postern::storage

// Column numbers are in DisclosureReader::Current. A macro because queries are literals.
#define POSTERN_SELECT_DISCLOSURE                                                                               \
  "SELECT d.seq, d.id, d.partner, d.grant_id, d.lane, d.exchange, d.time, d.record_key, d.record_version, "     \
  "d.subjects, d.key_ids, "                                                                                     \
  "d.order_mac, d.handle, d.withheld, d.sealed_salt, d.leaf_index, d.request_id, s.state, s.reason, s.handed, " \
  "s.replayed_as, "                                                                                             \
  "EXISTS(SELECT 1 FROM settled_above a WHERE a.queue_key = (d.partner << 40 | d.seq)) "                        \
  "FROM disclosure d LEFT JOIN settlement s ON s.seq = d.seq "
