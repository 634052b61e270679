// Records a second to partners' streams, beside a bare gRPC stream that forwards the same bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/bench/delivery/site.h"

namespace postern::bench {

struct ThroughputOptions {
  std::vector<int> streams = {1, 10, 100};  // of as many partners
  int64_t records = 100'000;                // of one run, to all partners together
  int rounds = 3;
  int posternd_pid = 0;
  std::string bare;  // the address of bench-sink
  int bare_pid = 0;
  bool json = false;
  bool check = false;
};

// Takes the partners carrier-1, ... as many as the most streams. Prints the result; the program's exit status.
int RunThroughput(Site& site, const ThroughputOptions& options);

}  // namespace postern::bench
