// How long TerminatePartner takes, whatever waits for the partner and however much the ledger holds.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/bench/delivery/site.h"

namespace postern::bench {

struct RevocationOptions {
  std::vector<int64_t> backlogs = {0, 10'000, 1'000'000};  // records that wait for the partner
  // For each backlog as many partners are terminated as together have at most `rows` records, but 4 to `most`.
  int64_t rows = 4'000'000;
  int most = 100;
  int64_t handles = 200'000;  // of the campaign whose enumeration is timed
  double p99_ms = 50;         // the goal
  bool json = false;
  bool check = false;
};

// How many partners the run takes: carrier-1 to carrier-N must be in force.
int PartnersNeeded(const RevocationOptions& options);

// Prints the result; the program's exit status.
int RunRevocation(Site& site, const RevocationOptions& options);

}  // namespace postern::bench
