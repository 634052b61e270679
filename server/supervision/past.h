// What would have stood out in the past, as far as the ledger tells: for detectors that do not count disclosures.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/postern/v1/supervision_service.pb.h"
#include "server/storage/store.h"

namespace postern::supervision {

struct PastOptions {
  absl::Time now;
  absl::Duration late_after;  // see SupervisorOptions
  // Acknowledgements of all partners that are looked at, at most, the newest ones.
  int64_t max_acknowledgements = 0;
};

// Findings of `partners` without an action, in no order: late acknowledgements and fetching off schedule from the times
// of acknowledgements, overdue deletion from the campaigns. What the ledger holds no trace of comes from the findings
// of then: records handed over again, certificates, networks, canaries. Reads page by page; LEDGER_UNAVAILABLE.
absl::StatusOr<std::vector<v1::SupervisionFinding>> ReplayPast(storage::Store& store,
                                                               const std::vector<storage::PartnerRow>& partners,
                                                               const PastOptions& options);

}  // namespace postern::supervision
