// What happens when the independent verifier finds that a projection holds more than its grant: the partner is stopped
// and somebody is woken. The record itself is refused in any case.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/base/log.h"

namespace postern::gateway {

// The reason of the suspension. Only a person can resume the partner.
inline constexpr absl::string_view kVerifierFinding = "verifier_finding";

// Thread-safe.
class FindingResponse {
 public:
  // `stop` suspends a partner by name and returns when no write to it starts any more; STATE_TRANSITION if it is not
  // active. `log` outlives this.
  FindingResponse(std::function<absl::Status(const std::string& partner)> stop, const base::Logger* log)
      : stop_(std::move(stop)), log_(log) {}

  // Counts and logs "verifier.finding" as an error, which is what pages. `path` is one of the schema. Enough for what a
  // partner sent: all of it is verified, and refusing it keeps it from the shop.
  void Report(const std::string& partner, const std::string& path);

  // Reports, and stops the partner: only a share of what goes out may be verified. Where the partner cannot be stopped
  // that is logged too, as "verifier.partner_not_stopped".
  void Stop(const std::string& partner, const std::string& path);

  // Findings since the start.
  uint64_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  const std::function<absl::Status(const std::string& partner)> stop_;
  const base::Logger* const log_;
  std::atomic<uint64_t> count_{0};
};

}  // namespace postern::gateway
