#include "tests/bench/rights/paced_load.h"

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"

namespace postern::bench {

int64_t RunPaced(double per_second, const std::function<bool()>& more, const UnaryCall& call, Latencies& latencies) {
  absl::Mutex mutex;
  int64_t open = 0;
  int64_t errors = 0;
  const absl::Time start = absl::Now();
  for (int64_t made = 0; more(); ++made) {
    const absl::Time due = start + absl::Seconds(static_cast<double>(made) / per_second);
    absl::SleepFor(due - absl::Now());
    {
      absl::MutexLock lock(&mutex);
      ++open;
    }
    call(static_cast<int>(made % 1024), [&, due](bool success) {
      latencies.Add(absl::Now() - due);
      absl::MutexLock lock(&mutex);
      if (!success) ++errors;
      --open;
    });
  }
  absl::MutexLock lock(&mutex);
  const auto answered = [&open] { return open == 0; };
  mutex.Await(absl::Condition(&answered));
  return errors;
}

}  // namespace postern::bench
