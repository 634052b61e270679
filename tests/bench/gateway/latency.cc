#include "tests/bench/gateway/latency.h"

#include <algorithm>
#include <cmath>

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
  const auto rank = static_cast<size_t>(std::ceil(q * static_cast<double>(sorted.size())));
  return static_cast<double>(sorted[std::max<size_t>(rank, 1) - 1]) / 1000.0;
}

void Latencies::Clear() {
  absl::MutexLock lock(&mutex_);
  nanos_.clear();
}

}  // namespace postern::bench
