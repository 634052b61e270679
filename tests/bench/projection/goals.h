// The goals as ratios of one run, and which of them were met.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/bench/projection/timing.h"

namespace postern::bench {

using Timings = std::map<std::string, Timing>;  // by subject

// A ratio of the minima of two subjects. `goal` is aimed at; past `floor`, where there is one, --check fails. Where
// `at_least`, larger is better.
struct Goal {
  std::string cell;
  std::string numerator;
  std::string denominator;
  bool at_least = false;
  double goal = 0;
  std::optional<double> floor;
};

struct Outcome {
  Goal goal;
  double ratio = 0;
  bool met() const { return goal.at_least ? ratio >= goal.goal : ratio <= goal.goal; }
  bool above_floor() const { return !goal.floor || (goal.at_least ? ratio >= *goal.floor : ratio <= *goal.floor); }
};

std::vector<Goal> Goals();
std::vector<Outcome> Judge(const std::map<std::string, Timings>& cells);

}  // namespace postern::bench
