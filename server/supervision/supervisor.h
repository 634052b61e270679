// Watches what every partner gets and does with it, and acts by the contract.
//
// Counts come from the ledger, so that nothing is counted that is not accounted for, and the path of a disclosure does
// no work for it. After a start the history is read again from there.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/civil_time.h"
#include "proto/postern/v1/contract.pb.h"
#include "proto/postern/v1/supervision_service.pb.h"
#include "server/registry/control_plane.h"
#include "server/revocation/background_loop.h"
#include "server/revocation/suspender.h"
#include "server/revocation/terminator.h"
#include "server/supervision/ledger_counts.h"
#include "server/supervision/sightings.h"

namespace postern::supervision {

struct SupervisorOptions {
  absl::Duration interval = absl::Seconds(5);
  // A record that was handed over so long ago should be acknowledged.
  absl::Duration late_after = absl::Hours(24);
  // Counts of one partner, and a replay, reach back so many records at most; about 40 bytes each while they are read.
  int64_t max_history_records = 500'000;
  // Records handed over to a partner since the start, and those of them that were handed over before. May be null.
  struct Deliveries {
    int64_t all = 0;
    int64_t repeated = 0;
  };
  std::function<Deliveries(const std::string& partner)> deliveries;
};

// Thread-safe; methods block on the store. Errors: INVALID_ARGUMENT, LEDGER_UNAVAILABLE.
class Supervisor {
 public:
  Supervisor(registry::ControlPlane* control, revocation::Suspender* suspender, revocation::Terminator* terminator,
             Sightings* sightings = nullptr, SupervisorOptions options = {});

  void Start() { loop_.Start(); }
  void Stop() { loop_.Stop(); }

  // One round: counts what is new, judges, and acts on what stands out, once a UTC day for each detector and contract.
  // Goes on after an error and returns the first.
  absl::Status RunOnce();

  // Records something that was seen by somebody else, `principal`, and acts on it as the strictest of the partner's
  // contracts says; as often as it is reported. PARTNER_UNKNOWN.
  absl::StatusOr<v1::SupervisionFinding> Report(const std::string& partner, absl::string_view principal,
                                                v1::SupervisionFinding finding);

  absl::StatusOr<v1::ListSupervisionFindingsResponse> List(const v1::ListSupervisionFindingsRequest& request);
  absl::StatusOr<v1::ReplaySupervisionResponse> Replay(const v1::ReplaySupervisionRequest& request);

  // Findings since the start, by detector; for metrics.
  int64_t findings(v1::SupervisionFinding::Detector detector) const {
    return counts_[static_cast<size_t>(detector)].load(std::memory_order_relaxed);
  }
  // Rounds that failed in part and are tried again; for metrics.
  int64_t failed_rounds() const { return failed_rounds_; }

 private:
  struct Watched {
    int64_t seen = 0;  // ledger position up to which is counted
    UsageByContract usage;
    // Since when deliveries are compared, and how many there were then.
    absl::CivilDay day;
    SupervisorOptions::Deliveries before;
  };

  // What was acted on before the start, so that nothing is acted on twice.
  absl::Status LoadActed(const std::vector<storage::PartnerRow>& partners, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Look(const storage::PartnerRow& partner, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status JudgeDelivery(const storage::PartnerRow& partner, absl::Time now,
                             std::vector<v1::SupervisionFinding>* findings) const;
  absl::Status JudgeSightings(const storage::PartnerRow& partner, std::vector<v1::SupervisionFinding>* findings)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void JudgeRedeliveries(const std::string& partner, absl::CivilDay today, Watched* watched,
                         std::vector<v1::SupervisionFinding>* findings) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void JudgeSchedule(const storage::PartnerRow& partner, const std::vector<v1::Contract>& contracts, absl::Time now,
                     std::vector<v1::SupervisionFinding>* findings) const;
  // What the ledger's newest disclosures to the partner count up to, judged by other limits.
  absl::Status ReplayCounts(const storage::PartnerRow& partner, const v1::ReplaySupervisionRequest& request,
                            v1::ReplaySupervisionResponse* response) const;
  absl::Status JudgeDeletion(const storage::PartnerRow& partner, std::vector<v1::SupervisionFinding>* findings) const;
  absl::Status Act(const storage::PartnerRow& partner, const std::string& contract, v1::Supervision::OnBreach on_breach,
                   absl::Time now, v1::SupervisionFinding finding) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Writes the finding, then does what follows from it; returns it with what was done.
  absl::StatusOr<v1::SupervisionFinding> Record(const storage::PartnerRow& partner, absl::string_view principal,
                                                v1::Supervision::OnBreach on_breach, absl::Time now,
                                                v1::SupervisionFinding finding) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  registry::ControlPlane& control_;
  revocation::Suspender& suspender_;
  revocation::Terminator& terminator_;
  Sightings* const sightings_;  // may be null
  const SupervisorOptions options_;

  mutable absl::Mutex mutex_;  // taken before ControlPlane::mutex
  std::map<std::string, Watched> partners_ ABSL_GUARDED_BY(mutex_);
  ContractNames contracts_ ABSL_GUARDED_BY(mutex_);
  bool loaded_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<std::tuple<std::string, int, absl::CivilDay>> acted_ ABSL_GUARDED_BY(mutex_);
  std::array<std::atomic<int64_t>, v1::SupervisionFinding::Detector_ARRAYSIZE> counts_{};
  std::atomic<int64_t> failed_rounds_{0};
  revocation::BackgroundLoop loop_;  // last: its thread uses what is above
};

}  // namespace postern::supervision
