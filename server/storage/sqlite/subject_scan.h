// Finding a subject's disclosures in the tail of the ledger, which the index has not reached yet.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/storage/sqlite/connection.h"
#include "server/storage/store.h"

namespace postern::storage {

// Positions above `after`, ascending, of disclosures that concern the subject, or order, of that value; at most
// `limit`. Reads all that follows `after`.
absl::StatusOr<std::vector<int64_t>> ScanForSubject(Connection& ledger, const Mac16& subject, int64_t after, int limit);

// The same for whoever asks again and again, as retention does of one order after another: the tail is remembered, so
// that only what was committed since the last time is read. About 150 bytes a disclosure. Thread-safe.
class SubjectTail {
 public:
  // A longer tail, as while an index is built anew, is scanned each time.
  static constexpr int64_t kMaxDisclosures = 64 * 1024;

  // `indexed`: nothing at or below it is asked for, now or later; `after` is not below it. `ledger` is in a
  // transaction, and nothing is told that it does not see.
  absl::StatusOr<std::vector<int64_t>> Find(Connection& ledger, const Mac16& subject, int64_t indexed, int64_t after,
                                            int limit);

 private:
  absl::Status ReadOn(Connection& ledger) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  // What is remembered begins after `from_` and ends with `through_`.
  int64_t from_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t through_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<Mac16, std::vector<int64_t>> positions_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace postern::storage
