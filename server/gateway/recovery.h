// What is done to a gateway that does not run: putting a backup in place, and going on with stores that have lost
// something. deploy/RECOVERY.md is the procedure.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/gateway/config.h"
#include "server/gateway/steps.h"

namespace postern::gateway {

// All are FAILED_PRECONDITION while the gateway runs, and may be repeated after a crash.

// In data_dir while Recover is under way: the gateway does not start before it was ended.
inline constexpr char kRecoveryFile[] = "recovery-pending";

// Puts the copy in `directory` in the place of the gateway's own. What is there is moved aside, never deleted or
// written over. A ledger that is behind its checkpoint, or a key store that is behind the ledger, is not served
// afterwards; see below. INVALID_ARGUMENT, and nothing moved, if the backup is damaged or of another gateway.
absl::Status Restore(const config::Config& config, const std::string& directory, absl::Time now, Steps* steps);

// Gives up the audit log of name `origin` and goes on with what the ledger holds under a new one: entries that the
// ledger has lost stay published under the old origin, and nothing contradicts them. Every active partner is suspended
// with the reason "disaster_recovery": what it may hold that the ledger does not know is to be settled before it is
// resumed. INVALID_ARGUMENT if the ledger's origin is another.
absl::Status Recover(const config::Config& config, absl::string_view origin, absl::Time now, Steps* steps);

// Goes on with a key store that lacks keys of the ledger's records: they count as destroyed from now on, and what they
// sealed as lost.
absl::Status AcceptKeyLoss(const config::Config& config, absl::Time now, Steps* steps);

}  // namespace postern::gateway
