// A shop that sends at a rate, whatever the answers take.
#pragma once

#include <cstdint>
#include <functional>

#include "tests/bench/gateway/latency.h"
#include "tests/bench/gateway/unary_load.h"

namespace postern::bench {

// Makes `per_second` calls a second while `more`, and waits for the last answers. The latency of a call counts from
// when it was due: a call that could not be made in time has waited. Returns how many failed.
int64_t RunPaced(double per_second, const std::function<bool()>& more, const UnaryCall& call, Latencies& latencies);

}  // namespace postern::bench
