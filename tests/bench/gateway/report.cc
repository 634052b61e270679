#include "tests/bench/gateway/report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace postern::bench {
namespace {

double MetricOf(const RunResult& run, const std::string& metric) {
  if (metric == "records_per_second") return run.records_per_second;
  if (metric == "p50_us") return run.p50_us;
  if (metric == "p99_us") return run.p99_us;
  if (metric == "commit_to_receipt_p50_us") return run.commit_to_receipt_p50_us;
  if (metric == "commit_to_receipt_p99_us") return run.commit_to_receipt_p99_us;
  return run.middle_cpu_us;
}

constexpr const char* kMetrics[] = {
    "records_per_second", "p50_us", "p99_us", "middle_cpu_us", "commit_to_receipt_p50_us", "commit_to_receipt_p99_us"};
constexpr Peer kPeers[] = {Peer::kPostern, Peer::kDirect, Peer::kNginx};

}  // namespace

std::string PeerName(Peer peer) {
  switch (peer) {
    case Peer::kPostern:
      return "postern";
    case Peer::kDirect:
      return "direct";
    case Peer::kNginx:
      return "nginx";
  }
  return "";
}

std::vector<std::string> Report::Loads() const {
  std::vector<std::string> loads;
  for (const RunResult& run : runs_) {
    if (std::find(loads.begin(), loads.end(), run.load) == loads.end()) loads.push_back(run.load);
  }
  return loads;
}

double Report::Median(const std::string& load, Peer peer, const std::string& metric) const {
  std::vector<double> values;
  for (const RunResult& run : runs_) {
    if (run.load == load && run.peer == peer) values.push_back(MetricOf(run, metric));
  }
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::vector<Verdict> Report::Judge(const std::vector<Goal>& goals) const {
  std::vector<Verdict> verdicts;
  for (const Goal& goal : goals) {
    const double other = Median(goal.load, Peer::kNginx, goal.metric);
    const double ratio = other > 0 ? Median(goal.load, Peer::kPostern, goal.metric) / other : 0;
    verdicts.push_back({goal.load, goal.metric, "ratio", ratio, goal.bound, goal.at_least});
  }
  return verdicts;
}

std::string Report::ToJson(const std::vector<Goal>& goals, const std::string& extra, bool* met) const {
  std::string json = "{\"loads\":{";
  bool first = true;
  for (const std::string& load : Loads()) {
    absl::StrAppend(&json, first ? "" : ",", "\"", load, "\":{");
    first = false;
    for (Peer peer : kPeers) {
      absl::StrAppend(&json, peer == kPeers[0] ? "" : ",", "\"", PeerName(peer), "\":{");
      for (const char* metric : kMetrics) {
        absl::StrAppend(&json, metric == kMetrics[0] ? "" : ",", "\"", metric,
                        "\":", absl::StrFormat("%.1f", Median(load, peer, metric)));
      }
      absl::StrAppend(&json, "}");
    }
    absl::StrAppend(&json, "}");
  }
  const std::vector<Verdict> verdicts = Judge(goals);
  *met = AllMet(verdicts);
  absl::StrAppend(&json, "},\"goals\":", bench::ToJson(verdicts), ",", extra, "}");
  return json;
}

std::string Report::ToText(const std::vector<Goal>& goals) const {
  std::string text = absl::StrFormat("%-14s %-8s %12s %10s %10s %12s %14s\n", "load", "peer", "records/s", "p50 us",
                                     "p99 us", "cpu us/rec", "to receipt us");
  for (const std::string& load : Loads()) {
    for (Peer peer : kPeers) {
      absl::StrAppend(&text, absl::StrFormat("%-14s %-8s %12.0f %10.0f %10.0f %12.1f %14.0f\n", load, PeerName(peer),
                                             Median(load, peer, "records_per_second"), Median(load, peer, "p50_us"),
                                             Median(load, peer, "p99_us"), Median(load, peer, "middle_cpu_us"),
                                             Median(load, peer, "commit_to_receipt_p50_us")));
    }
  }
  absl::StrAppend(&text, bench::ToText(Judge(goals)));
  return text;
}

}  // namespace postern::bench
