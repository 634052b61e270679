// Looks after open requests and investigations in the background.
#pragma once

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"
#include "server/revocation/background_loop.h"
#include "server/rights/investigation_desk.h"
#include "server/rights/request_desk.h"

namespace postern::rights {

// Thread-safe.
class RightsClock {
 public:
  RightsClock(RequestDesk* requests, InvestigationDesk* investigations, absl::Duration interval = absl::Seconds(1));

  void Start() { loop_.Start(); }
  void Stop() { loop_.Stop(); }
  // Rounds that failed in part and are tried again; for metrics.
  int64_t failed_rounds() const { return failed_rounds_; }

 private:
  std::atomic<int64_t> failed_rounds_{0};
  revocation::BackgroundLoop loop_;  // last: its thread uses what is above
};

}  // namespace postern::rights
