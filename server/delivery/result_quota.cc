#include "server/delivery/result_quota.h"

#include <algorithm>
#include <utility>

#include "proto/errors/error.h"
#include "proto/errors/retry_delay.h"

namespace postern::delivery {
namespace {

constexpr absl::Duration kDay = absl::Hours(24);
constexpr double kBurstSeconds = 2;

int64_t DayOf(absl::Time time) {
  absl::Duration rest;
  return absl::IDivDuration(time - absl::UnixEpoch(), kDay, &rest);
}

absl::Status Refused(absl::string_view what, absl::Time now) {
  return WithRetryDelay(MakeError(v1::ERROR_REASON_RESULT_LIMIT, what),
                        absl::UnixEpoch() + kDay * (DayOf(now) + 1) - now);
}

}  // namespace

absl::Status ResultQuota::Admit(absl::string_view partner, absl::Time now) {
  const double most = limits_.per_second * kBurstSeconds;
  absl::MutexLock lock(&mutex_);
  const auto [it, fresh] = buckets_.try_emplace(partner, Bucket{most, now});
  Bucket& bucket = it->second;
  // A clock that was set back fills nothing.
  const double seconds = std::max(0.0, absl::ToDoubleSeconds(now - bucket.filled));
  bucket.calls = std::min(most, bucket.calls + seconds * limits_.per_second);
  bucket.filled = now;
  if (bucket.calls < 1) {
    return WithRetryDelay(MakeError(v1::ERROR_REASON_RESULT_LIMIT, "the partner submits too often"),
                          absl::Seconds((1 - bucket.calls) / limits_.per_second));
  }
  --bucket.calls;
  return absl::OkStatus();
}

absl::StatusOr<bool> ResultQuota::Take(storage::PartnerId partner, const crypto::Uuid& disclosure,
                                       const crypto::Uuid& request_id, size_t bytes, absl::Time now) {
  absl::MutexLock lock(&mutex_);
  Day& day = days_[partner];
  // A clock that was set back begins no day anew.
  if (DayOf(now) > day.number) {
    day = Day();
    day.number = DayOf(now);
  }
  const auto known = day.requests.find(Key{disclosure});
  const size_t of_disclosure = known == day.requests.end() ? 0 : known->second.size();
  if (of_disclosure > 0 && std::find(known->second.begin(), known->second.end(), request_id) != known->second.end()) {
    return false;
  }
  if (of_disclosure >= static_cast<size_t>(limits_.per_disclosure)) {
    return Refused("this disclosure has as many results as it may have in a day", now);
  }
  if (day.results >= limits_.per_day || day.bytes + static_cast<int64_t>(bytes) > limits_.bytes_per_day) {
    return Refused("the partner has sent as much as it may in a day", now);
  }
  ++day.results;
  day.bytes += static_cast<int64_t>(bytes);
  day.requests[Key{disclosure}].push_back(request_id);
  return true;
}

void ResultQuota::GiveBack(storage::PartnerId partner, const crypto::Uuid& disclosure, const crypto::Uuid& request_id,
                           size_t bytes) {
  absl::MutexLock lock(&mutex_);
  Day& day = days_[partner];
  const auto known = day.requests.find(Key{disclosure});
  if (known == day.requests.end()) return;  // of the day before
  const auto request = std::find(known->second.begin(), known->second.end(), request_id);
  if (request == known->second.end()) return;
  known->second.erase(request);
  if (known->second.empty()) day.requests.erase(known);
  --day.results;
  day.bytes -= static_cast<int64_t>(bytes);
}

}  // namespace postern::delivery
