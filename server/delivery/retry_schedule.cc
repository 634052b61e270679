#include "server/delivery/retry_schedule.h"

#include <algorithm>
#include <iterator>

namespace postern::delivery {
namespace {

constexpr absl::Duration kDelays[] = {absl::Seconds(5), absl::Minutes(5), absl::Minutes(30),
                                      absl::Hours(2),   absl::Hours(5),   absl::Hours(10),
                                      absl::Hours(14),  absl::Hours(20),  absl::Hours(24)};
constexpr absl::Duration kFirstPause = absl::Seconds(1);
constexpr absl::Duration kLongestPause = absl::Minutes(5);
constexpr double kJitter = 0.2;

}  // namespace

std::optional<absl::Duration> RetryDelay(int failures, double random) {
  if (failures > static_cast<int>(std::size(kDelays))) return std::nullopt;
  return kDelays[std::max(failures, 1) - 1] * (1 + kJitter * random);
}

absl::Duration EndpointPause(int failures, double random) {
  const int doublings = std::clamp(failures - 1, 0, 16);
  return std::min(kLongestPause, kFirstPause * (int64_t{1} << doublings)) * (1 + kJitter * random);
}

}  // namespace postern::delivery
