#include "tests/bench/gateway/verdict.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace postern::bench {

bool AllMet(const std::vector<Verdict>& verdicts) {
  return std::all_of(verdicts.begin(), verdicts.end(), [](const Verdict& verdict) { return verdict.met(); });
}

std::string ToJson(const std::vector<Verdict>& verdicts) {
  std::string json = "[";
  for (const Verdict& verdict : verdicts) {
    absl::StrAppend(&json, &verdict == &verdicts[0] ? "" : ",", "{\"load\":\"", verdict.load, "\",\"metric\":\"",
                    verdict.metric, "\",\"", verdict.measure, "\":", absl::StrFormat("%.3f", verdict.value), ",\"",
                    verdict.at_least ? "at_least" : "at_most", "\":", verdict.bound,
                    ",\"met\":", verdict.met() ? "true" : "false", "}");
  }
  return absl::StrCat(json, "]");
}

std::string ToText(const std::vector<Verdict>& verdicts) {
  std::string text;
  for (const Verdict& verdict : verdicts) {
    absl::StrAppend(&text, absl::StrFormat("%-20s %-24s %s %.3f, goal %s %g: %s\n", verdict.load, verdict.metric,
                                           verdict.measure, verdict.value, verdict.at_least ? ">=" : "<=",
                                           verdict.bound, verdict.met() ? "met" : "not met"));
  }
  return text;
}

}  // namespace postern::bench
