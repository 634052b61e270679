// absl::Time and google.protobuf.Timestamp; days as the gateway counts them (UTC).
#pragma once

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"

namespace postern::registry {

void SetTime(absl::Time time, google::protobuf::Timestamp* out);
absl::Time ToTime(const google::protobuf::Timestamp& timestamp);
absl::CivilDay UtcDay(absl::Time time);

}  // namespace postern::registry
