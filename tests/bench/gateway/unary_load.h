// A closed loop of unary callers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/time/time.h"
#include "tests/bench/gateway/latency.h"

namespace postern::bench {

struct LoadResult {
  int64_t records = 0;  // answered with success
  int64_t errors = 0;
  absl::Duration elapsed;
};

// Starts one call and calls `done(success)` when it is answered, on any thread. `caller` counts from 0.
using UnaryCall = std::function<void(int caller, std::function<void(bool success)> done)>;

// `callers` callers, each with one call at a time, for `duration`; waits for the last answers.
LoadResult RunUnary(int callers, absl::Duration duration, const UnaryCall& call, Latencies& latencies);

}  // namespace postern::bench
