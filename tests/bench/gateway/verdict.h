// Goals of a benchmark, held against what was measured.
#pragma once

#include <string>
#include <vector>

namespace postern::bench {

struct Verdict {
  std::string load;
  std::string metric;
  std::string measure;  // what `value` is called: "ratio" of two metrics of one run, or "value" in the metric's unit
  double value = 0;     // 0: nothing was measured, which meets no goal
  double bound = 0;
  bool at_least = true;

  bool met() const { return value > 0 && (at_least ? value >= bound : value <= bound); }
};

// Whether all are met.
bool AllMet(const std::vector<Verdict>& verdicts);
// An array of objects.
std::string ToJson(const std::vector<Verdict>& verdicts);
// A line each.
std::string ToText(const std::vector<Verdict>& verdicts);

}  // namespace postern::bench
