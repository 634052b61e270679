#include "server/supervision/acknowledgements.h"

#include "absl/strings/str_cat.h"
#include "server/registry/times.h"

namespace postern::supervision {

using Finding = v1::SupervisionFinding;

std::optional<std::set<int>> FetchHours(const std::vector<v1::Contract>& contracts) {
  std::set<int> hours;
  for (const v1::Contract& contract : contracts) {
    const auto& named = contract.supervision().fetch_hours();
    if (named.empty()) return std::nullopt;
    hours.insert(named.begin(), named.end());
  }
  if (hours.empty()) return std::nullopt;
  return hours;
}

void AcknowledgementHistory::Add(absl::Time disclosed, absl::Time acknowledged) {
  const absl::CivilHour hour = absl::ToCivilHour(acknowledged, absl::UTCTimeZone());
  ++hours_[hour];
  Slowest& slowest = days_[absl::CivilDay(hour)];
  if (acknowledged - disclosed < slowest.took) return;
  slowest = {acknowledged - disclosed, acknowledged};
}

std::vector<Finding> AcknowledgementHistory::Late(absl::Duration limit) const {
  std::vector<Finding> findings;
  for (const auto& [day, slowest] : days_) {
    if (slowest.took <= limit) continue;
    const double hours = absl::ToDoubleHours(slowest.took);
    Finding& finding = findings.emplace_back();
    finding.set_detector(Finding::DETECTOR_LATE_ACKNOWLEDGEMENT);
    registry::SetTime(slowest.acknowledged, finding.mutable_time());
    finding.set_value(hours);
    finding.set_limit(absl::ToDoubleHours(limit));
    finding.set_explanation(absl::StrCat("a record was acknowledged ", static_cast<int64_t>(hours),
                                         " hours after it was disclosed, the slowest on ", absl::FormatCivilTime(day),
                                         " (UTC)"));
  }
  return findings;
}

std::vector<Finding> AcknowledgementHistory::OffSchedule(const std::set<int>& hours) const {
  std::vector<Finding> findings;
  std::optional<absl::CivilDay> told;
  for (const auto& [hour, count] : hours_) {
    const absl::CivilDay day(hour);
    if (hours.count(hour.hour()) > 0 || told == day) continue;
    told = day;
    Finding& finding = findings.emplace_back();
    finding.set_detector(Finding::DETECTOR_OFF_SCHEDULE);
    registry::SetTime(absl::FromCivil(hour, absl::UTCTimeZone()), finding.mutable_time());
    finding.set_value(static_cast<double>(count));
    finding.set_explanation(absl::StrCat(count, " records were acknowledged in the hour of ",
                                         absl::FormatCivilTime(hour), " (UTC), which no contract names"));
  }
  return findings;
}

}  // namespace postern::supervision
