// What one contract released, counted by hour.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "server/storage/types.h"

namespace postern::supervision {

// How many days before a day are compared with it.
inline constexpr int kHistoryDays = 28;

// Streaming: one call for each record, in order of time. One entry for each hour that had a record and each day that is
// kept, and one for each record of the newest day. Not thread-safe.
class Usage {
 public:
  // Keeps `days` before the newest one, so that a few kilobytes are enough; nullopt: every day.
  explicit Usage(std::optional<int> days = kHistoryDays) : days_(days) {}

  void Add(absl::Time time, const storage::Mac16& record_key);

  // Of a UTC day.
  int64_t OnDay(absl::CivilDay day) const;
  // Of a UTC hour.
  int64_t InHour(absl::CivilHour hour) const;
  // The same hour of the kHistoryDays days before, as far as anything was counted: a contract of yesterday has a short
  // history.
  std::vector<int64_t> SameHourBefore(absl::CivilHour hour) const;
  // Disclosures of the record that had most on a UTC day.
  int64_t MostRepeatedOn(absl::CivilDay day) const;
  const std::map<absl::CivilHour, int64_t>& hours() const { return hours_; }

 private:
  std::optional<int> days_;
  std::map<absl::CivilHour, int64_t> hours_;
  absl::CivilDay newest_day_;
  absl::flat_hash_map<storage::Mac16, int64_t> records_;  // of the newest day
  std::map<absl::CivilDay, int64_t> most_repeated_;
};

}  // namespace postern::supervision
