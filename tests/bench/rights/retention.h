// How fast retention closes orders beside half of the load that the gateway can take, and what that does to the load.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/bench/rights/people.h"

namespace postern::bench {

struct RetentionFigures {
  double full_per_second = 0;  // records
  // One a round.
  std::vector<double> orders_per_second;
  std::vector<double> p99_alone_ms;   // of a message of 64 records at half of the load
  std::vector<double> p99_beside_ms;  // the same beside retention
};

// `rounds` rounds of `orders` orders each, whose records `partner`, which receives meanwhile, has acknowledged.
RetentionFigures MeasureRetention(Site& site, People& people, int partner, int rounds, int64_t orders);

}  // namespace postern::bench
