#include "server/registry/times.h"

namespace postern::registry {

void SetTime(absl::Time time, google::protobuf::Timestamp* out) {
  const absl::Duration since_epoch = time - absl::UnixEpoch();
  absl::Duration rest;
  int64_t seconds = absl::IDivDuration(since_epoch, absl::Seconds(1), &rest);
  if (rest < absl::ZeroDuration()) {
    --seconds;
    rest += absl::Seconds(1);
  }
  out->set_seconds(seconds);
  out->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
}

absl::Time ToTime(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos());
}

absl::CivilDay UtcDay(absl::Time time) {
  // Not by way of a time zone, which costs a microsecond.
  return absl::CivilDay(1970, 1, 1) + absl::Floor(time - absl::UnixEpoch(), absl::Hours(24)) / absl::Hours(24);
}

}  // namespace postern::registry
