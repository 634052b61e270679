// Looks at the calendar: contracts and documents that end, campaigns that are overdue, exemptions that are over.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "proto/postern/v1/contract.pb.h"
#include "server/registry/control_plane.h"
#include "server/revocation/background_loop.h"
#include "server/revocation/campaign_runner.h"
#include "server/revocation/suspender.h"
#include "server/revocation/terminator.h"

namespace postern::revocation {

// Counted since start; for metrics.
struct ContractClockTotals {
  std::atomic<int64_t> suspended{0};
  std::atomic<int64_t> terminated{0};
  std::atomic<int64_t> warnings{0};
  std::atomic<int64_t> campaigns_overdue{0};
  std::atomic<int64_t> failed_rounds{0};
};

// Thread-safe, except RunOnce.
class ContractClock {
 public:
  ContractClock(registry::ControlPlane* control, Suspender* suspender, Terminator* terminator,
                CampaignRunner* campaigns, absl::Duration interval = absl::Seconds(30));

  // A first round at once, then one an interval.
  void Start() { loop_.Start(); }
  void Stop() { loop_.Stop(); }

  // One round in the calling thread: suspends partners with a contract or document that ended, terminates those whose
  // grace is over and suspends active ones without a contract, finishes terminations whose keys could not be destroyed,
  // warns 30, 7 and 1 days before an end (once each, in the audit log and the event feed), flags overdue campaigns and,
  // once a day, notifies again what an ended exemption kept. Goes on after an error and returns the first. Not beside
  // Start.
  absl::Status RunOnce();
  const ContractClockTotals& totals() const { return totals_; }

 private:
  absl::Status CheckPartner(const storage::PartnerRow& row, absl::CivilDay today);
  // Warns unless the revision in force was warned about since its end came so near.
  absl::Status Warn(storage::PartnerId partner, const v1::Contract& contract, int days_left);

  registry::ControlPlane& control_;
  Suspender& suspender_;
  Terminator& terminator_;
  CampaignRunner& campaigns_;
  // The loop's thread alone.
  absl::CivilDay last_day_;  // of the last round that went well
  ContractClockTotals totals_;
  BackgroundLoop loop_;  // last: its thread uses everything above
};

}  // namespace postern::revocation
