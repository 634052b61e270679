// The ledger that the configuration names.
#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/gateway/config.h"
#include "server/storage/store.h"

namespace postern::gateway {

// Opens it, and makes it where there is none. `on_sync` is told how long commits took; may be null. The errors of
// OpenSqliteStore and OpenPostgresStore.
absl::StatusOr<std::unique_ptr<storage::Store>> OpenLedger(const config::Config& config,
                                                           std::function<absl::Time()> clock,
                                                           std::function<void(absl::Duration)> on_sync);

}  // namespace postern::gateway
