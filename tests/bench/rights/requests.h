// What a person waits for: the report of an access request, and until an erasure is in force.
#pragma once

#include <cstdint>

#include "tests/bench/gateway/latency.h"
#include "tests/bench/rights/people.h"

namespace postern::bench {

// `count` people ask for a report; the latency is until it is there, every entry with its proof. The records 0 to
// disclosures - 1, and no others, are of `people` people in turn. Waits first until a published checkpoint covers them.
void MeasureAccess(People& gateway, int64_t disclosures, int64_t people, int count, Latencies* latencies);

// `count` others, whose orders are closed first, ask for erasure; the latency is until it is in force. Nothing can be
// disclosed about them afterwards.
void MeasureErasure(People& gateway, int64_t disclosures, int64_t people, int count, Latencies* latencies);

}  // namespace postern::bench
