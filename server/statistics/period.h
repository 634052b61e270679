// The periods of statistics: calendar months in UTC. They do not overlap, and nobody can choose others.
#pragma once

#include <string>

#include "absl/time/time.h"

namespace postern::statistics {

// A month is told no sooner than this after its end: clocks may differ, and what was committed must be counted.
inline constexpr absl::Duration kCloseAfter = absl::Hours(1);

// "YYYY-MM".
std::string PeriodOf(absl::Time time);
// The first instant after a period; InfiniteFuture for what is none.
absl::Time EndOf(const std::string& period);

}  // namespace postern::statistics
