// What the receiving partner, another process, has seen.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "absl/time/time.h"

namespace postern::bench {

struct Receipts {
  int64_t received = 0;  // since its start
  absl::Time last;       // when the newest came
  // Of what came since StartOver.
  double commit_to_receipt_p50_us = 0;
  double commit_to_receipt_p99_us = 0;
};

// Asks bench-receiver, which takes SIGUSR2 to forget its latencies and answers SIGUSR1 by one more line in its report.
class ReceiverProbe {
 public:
  ReceiverProbe(int pid, std::string report) : pid_(pid), report_(std::move(report)) {}

  void StartOver();
  // Waits until `total` records have come, or for `patience`; what was seen by then.
  Receipts WaitFor(int64_t total, absl::Duration patience);

 private:
  Receipts Ask();

  const int pid_;
  const std::string report_;
  int lines_ = 0;  // of the report that were read
};

}  // namespace postern::bench
