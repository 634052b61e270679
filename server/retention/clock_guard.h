// Whether the wall clock can be trusted with what cannot be undone.
//
// A machine whose clock is set a year ahead, by a bad time server or a battery that failed, must not destroy a year of
// orders. So nothing is destroyed until the wall clock has kept step with the machine's own for a while, counted from
// the start of the process and from every leap.
#pragma once

#include <functional>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace postern::retention {

// Time since the machine started, suspended time included: CLOCK_BOOTTIME.
absl::Duration TimeSinceBoot();

// Thread-safe.
class ClockGuard {
 public:
  // `steady` never goes back and is never set. Clocks that part by more than `tolerance` between two looks have leapt.
  ClockGuard(std::function<absl::Time()> wall, std::function<absl::Duration()> steady, absl::Duration settle,
             absl::Duration tolerance = absl::Minutes(1))
      : wall_(std::move(wall)), steady_(std::move(steady)), settle_(settle), tolerance_(tolerance) {}

  // The time, if it can be trusted; nullopt otherwise. To be asked often: a leap is seen at the next look.
  std::optional<absl::Time> Now();

 private:
  struct Look {
    absl::Time wall;
    absl::Duration steady;
  };

  const std::function<absl::Time()> wall_;
  const std::function<absl::Duration()> steady_;
  const absl::Duration settle_;
  const absl::Duration tolerance_;

  absl::Mutex mutex_;
  std::optional<Look> last_ ABSL_GUARDED_BY(mutex_);
  absl::Duration calm_since_ ABSL_GUARDED_BY(mutex_);  // by the steady clock
};

}  // namespace postern::retention
