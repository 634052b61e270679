// Writes the notices of every campaign that is being enumerated, in the background.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/registry/control_plane.h"
#include "server/revocation/background_loop.h"
#include "server/revocation/campaign.h"

namespace postern::revocation {

// Thread-safe, except RunOnce.
class CampaignRunner {
 public:
  CampaignRunner(registry::ControlPlane* control, CampaignOptions options);

  void Start() { loop_.Start(); }
  void Stop() { loop_.Stop(); }
  // There may be a new campaign.
  void Wake() { loop_.Wake(); }

  // Enumerates what there is to its end, in the calling thread, and returns how many pages it took. A campaign that
  // fails holds up no other; the first error is returned. Not beside Start.
  absl::StatusOr<int64_t> RunOnce();
  // Rounds that failed and are tried again a second later; for metrics.
  int64_t failed_rounds() const { return failed_rounds_; }
  const CampaignOptions& options() const { return options_; }

 private:
  absl::Status Enumerate(const std::string& name, int64_t* written);

  registry::ControlPlane& control_;
  const CampaignOptions options_;
  std::map<std::string, std::unique_ptr<NoticeWriter>> writers_;  // by campaign; the loop's thread alone
  std::atomic<int64_t> failed_rounds_{0};
  BackgroundLoop loop_;  // last: its thread uses everything above
};

}  // namespace postern::revocation
