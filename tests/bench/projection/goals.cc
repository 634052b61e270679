#include "tests/bench/projection/goals.h"

namespace postern::bench {

// Floors are what --check holds every build to; a goal without one is aimed at and reported.
std::vector<Goal> Goals() {
  return {
      {"carrier.2k", "project", "memcpy", false, 15, 22},
      {"payment.2k", "project", "memcpy", false, 6, 8},
      {"carrier.2k", "protozero", "project", true, 2, 1.5},
      {"payment.2k", "protozero", "project", true, 1.5, 1.2},
      {"carrier.2k", "parse", "project", true, 14, {}},
      {"payment.2k", "parse", "project", true, 35, {}},
      {"carrier.2k", "trim_generated", "project", true, 35, {}},
      {"payment.2k", "trim_generated", "project", true, 50, {}},
      {"carrier.2k", "trim_dynamic", "project", true, 90, {}},
      {"payment.2k", "trim_dynamic", "project", true, 180, {}},
      {"carrier.20k", "project", "memcpy", false, 10, {}},
      {"payment.20k", "project", "memcpy", false, 2, {}},
      {"carrier.2k", "project_four", "project", false, 2, {}},
      {"payment.2k", "project_four", "project", false, 2, {}},
      {"carrier.2k", "project_and_verify", "project", false, 1.35, {}},
      {"payment.2k", "project_and_verify", "project", false, 1.35, {}},
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
