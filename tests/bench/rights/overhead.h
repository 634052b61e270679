// What the check of consents and the supervision of partners add to the CPU time of a disclosure.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/bench/rights/people.h"

namespace postern::bench {

// A gateway to hold against another.
struct Contender {
  Site* site = nullptr;
  int pid = 0;
};

struct OverheadFigures {
  // One a round, CPU microseconds of posternd a record.
  std::vector<double> plain_us;
  std::vector<double> watched_us;
  std::vector<double> supervision_us;  // of these, the thread of supervision
};

// `rounds` rounds of CreateDisclosure to carrier-1 of both gateways in turn, or of batches where `batch` is above 1.
// Everybody whose record is disclosed has a consent on record in `watched`, and supervision has counted every
// disclosure before a round ends; in `plain` nobody has one, and the thread of supervision is not counted. No consent
// opens what a record to the carrier holds, so that the same is released.
OverheadFigures MeasureOverhead(const Contender& plain, const Contender& watched, int rounds, int batch);

}  // namespace postern::bench
