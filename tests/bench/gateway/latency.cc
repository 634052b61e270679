#include "tests/bench/gateway/latency.h"

#include <algorithm>

namespace postern::bench {

void Latencies::Add(absl::Duration latency) {
  absl::MutexLock lock(&mutex_);
  nanos_.push_back(absl::ToInt64Nanoseconds(latency));
}

double Latencies::Quantile(double q) const {
  absl::MutexLock lock(&mutex_);
  if (nanos_.empty()) return 0;
  std::vector<int64_t> sorted = nanos_;
  std::sort(sorted.begin(), sorted.end());
  return static_cast<double>(sorted[static_cast<size_t>(q * static_cast<double>(sorted.size() - 1))]) / 1000.0;
}

void Latencies::Clear() {
  absl::MutexLock lock(&mutex_);
  nanos_.clear();
}

}  // namespace postern::bench
