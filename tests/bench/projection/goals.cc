#include "tests/bench/projection/goals.h"

namespace postern::bench {

// The first four have floors of their own. The floor of another goal is what has been reached, with room for a busy
// machine: it notices when something gets worse.
std::vector<Goal> Goals() {
  return {
      {"carrier.2k", "project", "memcpy", false, 15, 22},
      {"payment.2k", "project", "memcpy", false, 6, 8},
      {"carrier.2k", "protozero", "project", true, 2, 1.5},
      {"payment.2k", "protozero", "project", true, 1.5, 1.2},
      {"carrier.2k", "parse", "project", true, 14, 9},
      {"payment.2k", "parse", "project", true, 35, 22},
      {"carrier.2k", "trim_generated", "project", true, 35, 28},
      {"payment.2k", "trim_generated", "project", true, 50, 40},
      {"carrier.2k", "trim_dynamic", "project", true, 90, 80},
      {"payment.2k", "trim_dynamic", "project", true, 180, 130},
      {"carrier.20k", "project", "memcpy", false, 10, 32},
      {"payment.20k", "project", "memcpy", false, 2, 4},
      {"carrier.2k", "project_four", "project", false, 2, 3.5},
      {"payment.2k", "project_four", "project", false, 2, 3.5},
      {"carrier.2k", "project_and_verify", "project", false, 1.35, 1.6},
      {"payment.2k", "project_and_verify", "project", false, 1.35, 1.6},
  };
}

std::vector<Outcome> Judge(const std::map<std::string, Timings>& cells) {
  std::vector<Outcome> outcomes;
  for (const Goal& goal : Goals()) {
    const auto cell = cells.find(goal.cell);
    if (cell == cells.end()) continue;
    const double over = cell->second.at(goal.denominator).min_ns;
    outcomes.push_back({goal, cell->second.at(goal.numerator).min_ns / over});
  }
  return outcomes;
}

}  // namespace postern::bench
