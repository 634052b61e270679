#include "server/statistics/period.h"

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"

namespace postern::statistics {

std::string PeriodOf(absl::Time time) {
  return absl::FormatTime("%E4Y-%m", time, absl::UTCTimeZone());
}

absl::Time EndOf(const std::string& period) {
  absl::CivilMonth month;
  if (period.size() != 7 || !absl::ParseCivilTime(period, &month)) return absl::InfiniteFuture();
  return absl::FromCivil(month + 1, absl::UTCTimeZone());
}

}  // namespace postern::statistics
