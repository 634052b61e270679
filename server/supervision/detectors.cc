#include "server/supervision/detectors.h"

#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/registry/times.h"
#include "server/supervision/robust_score.h"

namespace postern::supervision {
namespace {

using Finding = v1::SupervisionFinding;

std::optional<Finding> JudgeDay(const Usage& usage, const DetectorLimits& limits, absl::CivilDay day) {
  const int64_t count = usage.OnDay(day);
  if (limits.max_records_per_day == 0 || count <= limits.max_records_per_day) return std::nullopt;
  Finding finding;
  finding.set_detector(Finding::DETECTOR_VOLUME);
  finding.set_value(static_cast<double>(count));
  finding.set_limit(static_cast<double>(limits.max_records_per_day));
  finding.set_explanation(absl::StrCat(count, " records on ", absl::FormatCivilTime(day), " (UTC); the limit is ",
                                       limits.max_records_per_day));
  return finding;
}

std::optional<Finding> JudgeHour(const Usage& usage, const DetectorLimits& limits, absl::CivilHour hour) {
  const int64_t count = usage.InHour(hour);
  if (count < limits.burst_floor) return std::nullopt;
  const std::vector<int64_t> history = usage.SameHourBefore(hour);
  if (static_cast<int>(history.size()) < limits.burst_history_days) return std::nullopt;
  const double score = RobustScore(history, count);
  if (score <= limits.burst_score) return std::nullopt;
  Finding finding;
  finding.set_detector(Finding::DETECTOR_BURST);
  finding.set_value(score);
  finding.set_limit(limits.burst_score);
  finding.set_explanation(absl::StrFormat(
      "%d records in the hour of %s (UTC); the median of that hour on the %d days before is %d, and %.1f robust "
      "deviations are between them",
      count, absl::FormatCivilTime(hour), history.size(), Median(history), score));
  return finding;
}

std::optional<Finding> JudgeRepeats(const Usage& usage, const DetectorLimits& limits, absl::CivilDay day) {
  const int64_t most = usage.MostRepeatedOn(day);
  if (most <= limits.max_repeats_per_day) return std::nullopt;
  Finding finding;
  finding.set_detector(Finding::DETECTOR_REPEATS);
  finding.set_value(static_cast<double>(most));
  finding.set_limit(static_cast<double>(limits.max_repeats_per_day));
  finding.set_explanation(absl::StrCat("one record was disclosed ", most, " times on ", absl::FormatCivilTime(day),
                                       " (UTC); more than ", limits.max_repeats_per_day, " stands out"));
  return finding;
}

}  // namespace

std::vector<Finding> Judge(const Usage& usage, const DetectorLimits& limits, absl::Time now) {
  std::vector<Finding> findings;
  const absl::CivilHour hour = absl::ToCivilHour(now, absl::UTCTimeZone());
  const absl::CivilDay today(hour);
  if (std::optional<Finding> finding = JudgeDay(usage, limits, today)) findings.push_back(*std::move(finding));
  if (std::optional<Finding> finding = JudgeHour(usage, limits, hour)) findings.push_back(*std::move(finding));
  if (std::optional<Finding> finding = JudgeRepeats(usage, limits, today)) findings.push_back(*std::move(finding));
  return findings;
}

std::vector<Finding> Replay(const Usage& usage, const DetectorLimits& limits) {
  std::vector<Finding> findings;
  std::set<absl::CivilDay> judged;
  for (const auto& [hour, count] : usage.hours()) {
    const absl::CivilDay day(hour);
    const auto add = [&, time = absl::FromCivil(hour, absl::UTCTimeZone())](std::optional<Finding> finding) {
      if (!finding) return;
      registry::SetTime(time, finding->mutable_time());
      findings.push_back(*std::move(finding));
    };
    if (judged.insert(day).second) {
      add(JudgeDay(usage, limits, day));
      add(JudgeRepeats(usage, limits, day));
    }
    add(JudgeHour(usage, limits, hour));
  }
  return findings;
}

}  // namespace postern::supervision
