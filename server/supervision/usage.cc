#include "server/supervision/usage.h"

#include <algorithm>

namespace postern::supervision {

void Usage::Add(absl::Time time, const storage::Mac16& record_key) {
  const absl::CivilHour hour = absl::ToCivilHour(time, absl::UTCTimeZone());
  ++hours_[hour];
  const absl::CivilDay day(hour);
  if (day > newest_day_) {
    newest_day_ = day;
    records_.clear();
    if (days_) {
      hours_.erase(hours_.begin(), hours_.lower_bound(absl::CivilHour(day - *days_)));
      most_repeated_.erase(most_repeated_.begin(), most_repeated_.lower_bound(day - *days_));
    }
  }
  if (day != newest_day_) return;
  int64_t& most = most_repeated_[day];
  most = std::max(most, ++records_[record_key]);
}

int64_t Usage::MostRepeatedOn(absl::CivilDay day) const {
  const auto found = most_repeated_.find(day);
  return found == most_repeated_.end() ? 0 : found->second;
}

int64_t Usage::OnDay(absl::CivilDay day) const {
  int64_t count = 0;
  for (auto hour = hours_.lower_bound(absl::CivilHour(day));
       hour != hours_.end() && hour->first < absl::CivilHour(day + 1); ++hour) {
    count += hour->second;
  }
  return count;
}

int64_t Usage::InHour(absl::CivilHour hour) const {
  const auto found = hours_.find(hour);
  return found == hours_.end() ? 0 : found->second;
}

std::vector<int64_t> Usage::SameHourBefore(absl::CivilHour hour) const {
  std::vector<int64_t> counts;
  if (hours_.empty()) return counts;
  for (int days = 1; days <= kHistoryDays; ++days) {
    const absl::CivilHour before = hour - 24 * days;
    if (absl::CivilDay(before) < absl::CivilDay(hours_.begin()->first)) break;
    counts.push_back(InHour(before));
  }
  return counts;
}

}  // namespace postern::supervision
