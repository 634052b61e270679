// What is done to the ledger itself while its gateway does not serve: moving it into another database, and bringing its
// tables forward.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/gateway/config.h"
#include "server/gateway/steps.h"
#include "server/storage/move/ledger_move.h"

namespace postern::gateway {

// Moves the ledger in `from`, the folder of a SQLite ledger or of its backup, into the PostgreSQL schema that the
// configuration names, verifies the copy, and enters the move in the audit log. A ledger that is data_dir's own is
// moved aside then: no gateway goes on with both. While a gateway serves from `from`, all is copied that it has, and
// verified, but not released: FAILED_PRECONDITION says to stop it and to move again, which copies what has come since.
// May be repeated after a crash. INVALID_ARGUMENT for a damaged backup; the errors of LedgerMove.
absl::Status MoveStore(const config::Config& config, const std::string& from, absl::Time now,
                       storage::LedgerMove::Progress progress, Steps* steps);

// Brings the tables of the ledger to this release's version and says from which; a dry run changes nothing. Errors as
// of storage/migrate.h.
absl::Status MigrateStore(const config::Config& config, bool dry_run, Steps* steps);

}  // namespace postern::gateway
