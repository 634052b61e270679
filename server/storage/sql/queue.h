// Where a partner's queue stands, and how the state of a disclosure follows from it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/storage/sql/write_scope.h"
#include "server/storage/store.h"

namespace postern::storage {

// A backlog that was ended as a whole: positions above `mark`, up to `upto`, were never handed over; of those at or
// below `mark`, what was not acknowledged may be held.
struct BacklogEnd {
  int64_t upto = 0;
  int64_t mark = 0;
  std::string reason;
};

struct QueueState {
  int64_t watermark = 0;
  int64_t dispatch_mark = 0;
  int64_t total = 0;
  int64_t delivered = 0;
  int64_t unsettled = 0;
  int64_t open_exchanges = 0;
  std::vector<BacklogEnd> ends;  // ascending

  // The end that `seq` fell to without having been handed over; null if none.
  const BacklogEnd* EndOf(int64_t seq) const;
  // The first end that came after `seq`, whether or not it was handed over; null if none.
  const BacklogEnd* EndAfter(int64_t seq) const;
  // Whether `seq` may have been handed over.
  bool MayHaveBeenHanded(int64_t seq) const { return seq <= dispatch_mark && EndOf(seq) == nullptr; }
  // Nothing at or below is pending.
  int64_t ended_upto() const { return ends.empty() ? 0 : ends.back().upto; }
};

// All zero for a partner that never had a disclosure.
absl::StatusOr<QueueState> ReadQueue(Connection& db, PartnerId partner);

// Records in (from, to] that are neither acknowledged nor ended one by one. Row by row: for ranges that the credit
// windows bound.
absl::StatusOr<std::vector<int64_t>> ReadUnsettled(Connection& db, PartnerId partner, int64_t from, int64_t to);
// Whether the partner may hold the record of an exchange that ended so: it has read what it refused.
bool MayHoldExchange(v1::DisclosureState state, absl::string_view reason);

// INVALID_ARGUMENT unless it is the span of all lanes.
absl::Status CheckSpan(const LaneSpan& span);
// Moves a mark forward. False, and nothing is moved, if it lies in a backlog that was ended.
absl::StatusOr<bool> MoveDispatchMark(WriteScope& scope, const DispatchMark& mark);
// What a commit adds to a queue's counters.
absl::Status CountCommitted(WriteScope& scope, PartnerId partner, int64_t records, int64_t exchanges);

}  // namespace postern::storage
