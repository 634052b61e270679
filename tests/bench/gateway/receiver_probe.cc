#include "tests/bench/gateway/receiver_probe.h"

#include <csignal>
#include <cstdio>
#include <fstream>

#include "absl/time/clock.h"

namespace postern::bench {

void ReceiverProbe::StartOver() {
  ::kill(pid_, SIGUSR2);
}

Receipts ReceiverProbe::WaitFor(int64_t total, absl::Duration patience) {
  const absl::Time deadline = absl::Now() + patience;
  Receipts receipts = Ask();
  while (receipts.received < total && absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(10));
    receipts = Ask();
  }
  return receipts;
}

Receipts ReceiverProbe::Ask() {
  Receipts receipts;
  const absl::Time deadline = absl::Now() + absl::Seconds(2);
  for (::kill(pid_, SIGUSR1); absl::Now() < deadline; absl::SleepFor(absl::Milliseconds(1))) {
    std::ifstream in(report_);
    std::string line, newest;
    int lines = 0;
    for (; std::getline(in, line) && !in.eof(); ++lines) newest = line;
    if (lines == lines_) continue;
    lines_ = lines;
    long long received = 0;
    double last = 0;
    std::sscanf(newest.c_str(),
                "{\"received\":%lld,\"last_receipt\":%lf,\"commit_to_receipt_p50_us\":%lf,"
                "\"commit_to_receipt_p99_us\":%lf}",
                &received, &last, &receipts.commit_to_receipt_p50_us, &receipts.commit_to_receipt_p99_us);
    receipts.received = received;
    receipts.last = absl::UnixEpoch() + absl::Seconds(last);
    return receipts;
  }
  return receipts;
}

}  // namespace postern::bench
