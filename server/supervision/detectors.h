// What stands out in a contract's usage. Pure: counts in, findings out.
#pragma once

#include <vector>

#include "absl/time/time.h"
#include "proto/postern/v1/supervision_service.pb.h"
#include "server/supervision/usage.h"

namespace postern::supervision {

struct DetectorLimits {
  int64_t max_records_per_day = 0;  // 0 is none
  double burst_score = 6;
  // Below this an hour never stands out, and with fewer days of history nothing is usual yet.
  int64_t burst_floor = 20;
  int burst_history_days = 7;
  int64_t max_repeats_per_day = 24;
};

// Volume, burst and repeats at `now`. Partner, contract, time and action are the caller's to fill in.
std::vector<v1::SupervisionFinding> Judge(const Usage& usage, const DetectorLimits& limits, absl::Time now);

// The same of every day and hour that is counted, in order, with their times.
std::vector<v1::SupervisionFinding> Replay(const Usage& usage, const DetectorLimits& limits);

}  // namespace postern::supervision
