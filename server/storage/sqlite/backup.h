// A copy of a ledger that is in use.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"

namespace postern::storage {

// Writes the ledger in `directory`, which this process or another may have open, to the new file `target` of mode 0600,
// durably: one consistent state, without what was deleted from it. While it runs, the log of the ledger is not copied
// back and grows by what is committed. `progress` is told bytes done and about how many there are; false ends it with
// CANCELLED. What was written is deleted on failure. ALREADY_EXISTS, LEDGER_UNAVAILABLE.
absl::Status BackUpLedger(const std::string& directory, const std::string& target,
                          const std::function<bool(int64_t done, int64_t all)>& progress);

}  // namespace postern::storage
