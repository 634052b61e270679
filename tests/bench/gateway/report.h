// Results of the gateway benchmark: one line a run, medians and ratios at the end.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/bench/gateway/verdict.h"

namespace postern::bench {

enum class Peer { kPostern, kDirect, kNginx };
std::string PeerName(Peer peer);

struct RunResult {
  std::string load;  // "unary_64", "stream_16x64"
  Peer peer = Peer::kPostern;
  double records_per_second = 0;
  double p50_us = 0;
  double p99_us = 0;
  double middle_cpu_us = 0;  // CPU of what stands between shop and partner, a record; of the sink for the direct call
  // Of Postern alone.
  double commit_to_receipt_p50_us = 0;
  double commit_to_receipt_p99_us = 0;
};

// A goal as a ratio of Postern to nginx.
struct Goal {
  std::string load;
  std::string metric;  // "records_per_second" or "p50_us"
  double bound = 0;
  bool at_least = true;
};

class Report {
 public:
  void Add(RunResult run) { runs_.push_back(std::move(run)); }
  // Median of one metric over the runs of one load and peer.
  double Median(const std::string& load, Peer peer, const std::string& metric) const;
  // JSON with every median, every ratio and, for each goal, whether it is met. Sets `*met`.
  std::string ToJson(const std::vector<Goal>& goals, const std::string& extra, bool* met) const;
  std::string ToText(const std::vector<Goal>& goals) const;

 private:
  std::vector<std::string> Loads() const;
  std::vector<Verdict> Judge(const std::vector<Goal>& goals) const;
  std::vector<RunResult> runs_;
};

}  // namespace postern::bench
