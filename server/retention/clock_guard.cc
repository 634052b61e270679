#include "server/retention/clock_guard.h"

#include <time.h>

namespace postern::retention {

absl::Duration TimeSinceBoot() {
  timespec time{};
  clock_gettime(CLOCK_BOOTTIME, &time);
  return absl::DurationFromTimespec(time);
}

std::optional<absl::Time> ClockGuard::Now() {
  absl::MutexLock lock(&mutex_);
  const Look look = {wall_(), steady_()};
  if (!last_) calm_since_ = look.steady;
  if (last_) {
    const absl::Duration parted = (look.wall - last_->wall) - (look.steady - last_->steady);
    if (absl::AbsDuration(parted) > tolerance_) calm_since_ = look.steady;
  }
  last_ = look;
  if (look.steady - calm_since_ < settle_) return std::nullopt;
  return look.wall;
}

}  // namespace postern::retention
