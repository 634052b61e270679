// Exchanges that an earlier run of the gateway committed and did not live to settle.
#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/storage/store.h"

namespace postern::delivery {

// Tells the shop of each that its outcome is unknown: whether it was sent is not known any more. A retry of the
// request, where the method is idempotent, can still find out. To be called at start, before the first exchange;
// idempotent. LEDGER_UNAVAILABLE.
absl::Status SettleAbandonedExchanges(storage::Store& store, absl::Time now);

}  // namespace postern::delivery
