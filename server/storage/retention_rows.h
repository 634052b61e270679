// Rows about the end of data's terms. Part of store.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "server/storage/types.h"

namespace postern::storage {

// An order whose data has a term. Made by its first event, which also makes it due at once, as every later one does.
struct RetentionOrderRow {
  Mac16 order{};
  absl::Time due;        // when to look at it next
  absl::Time ends;       // when a term of it ends next, as was known then; InfiniteFuture while no event has told
  bool closed = false;   // every term is over; nothing makes it due again
  std::string progress;  // serialised v1::RetentionProgress
};

// The reads; writes are in ChangeSet.
class RetentionReads {
 public:
  virtual ~RetentionReads() = default;
  // Orders that are not closed and due at or before `time`, the longest due first.
  virtual absl::StatusOr<std::vector<RetentionOrderRow>> ListDueOrders(absl::Time time, int limit) = 0;
  struct RetentionCounts {
    int64_t closed = 0;
    int64_t later = 0;  // the rest: not closed, and nothing ends until the time asked for
    struct Day {
      absl::CivilDay day;  // UTC
      int64_t orders = 0;
    };
    std::vector<Day> ends;  // not closed and ending at or before the time asked for, by day
  };
  virtual absl::StatusOr<RetentionCounts> CountOrders(absl::Time until) = 0;
  // What was written by ChangeSet::retention_totals last; empty at first.
  virtual absl::StatusOr<std::string> ReadRetentionTotals() = 0;
};

}  // namespace postern::storage
