// What is done to a gateway that does not run: putting a backup in place, and going on with a ledger that is behind
// what was published. deploy/RECOVERY.md is the procedure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/gateway/config.h"

namespace postern::gateway {

// What was done, one line each, for whoever does it.
using Steps = std::vector<std::string>;

// Puts the copy in `directory` in the place of the gateway's own. What is there is moved aside, never deleted or
// written over. A ledger that is behind its checkpoint is not served afterwards; see Recover. INVALID_ARGUMENT if the
// backup is damaged or of another gateway; FAILED_PRECONDITION while the gateway runs.
absl::StatusOr<Steps> Restore(const config::Config& config, const std::string& directory, absl::Time now);

// Gives up the audit log of name `origin` and goes on with what the ledger holds under a new one: entries that the
// ledger has lost stay published under the old origin, and nothing contradicts them. Every active partner is suspended
// with the reason "disaster_recovery": what it may hold that the ledger does not know is to be settled before it is
// resumed. May be repeated after a crash. INVALID_ARGUMENT if the ledger's origin is another; FAILED_PRECONDITION while
// the gateway runs.
absl::StatusOr<Steps> Recover(const config::Config& config, absl::string_view origin, absl::Time now);

}  // namespace postern::gateway
