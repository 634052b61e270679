// How often a principal may call. In-flight limits do not bound calls that are cheap to make and dear to answer: each
// of a partner's calls about its notices is a write to the audit log, and a bad attestation is two signatures and a
// transaction that operators' work waits for.
#pragma once

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace postern::rpc {

// Thread-safe. A bucket a principal: it holds two seconds of calls and fills steadily.
class CallRate {
 public:
  explicit CallRate(int per_second) : per_second_(per_second) {}

  // OVERLOADED if `principal` has called more often than it may. Principals are authenticated, so they are few.
  absl::Status Take(absl::string_view principal, absl::Time now);

 private:
  struct Bucket {
    double calls = 0;  // that may still be made
    absl::Time filled;
  };

  const double per_second_;
  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, Bucket> buckets_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace postern::rpc
