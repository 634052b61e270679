// Latencies of one run.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace postern::bench {

// Thread-safe. Keeps every sample: runs are short.
class Latencies {
 public:
  void Add(absl::Duration latency);
  // Microseconds at a quantile in [0, 1], by nearest rank: of few samples a high quantile is the highest. 0 without
  // samples.
  double Quantile(double q) const;
  void Clear();

 private:
  mutable absl::Mutex mutex_;
  std::vector<int64_t> nanos_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace postern::bench
