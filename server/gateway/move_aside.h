// Renaming that never loses what is there.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/gateway/steps.h"

namespace postern::gateway {

// Whether the name is taken, by whatever it is.
bool Exists(const std::string& path);

// `flags` as of renameat2(2). LEDGER_UNAVAILABLE where it fails.
absl::Status Rename(const std::string& from, const std::string& to, unsigned flags);
// Never over what is there.
absl::Status Rename(const std::string& from, const std::string& to);

// Gives `path` the name `prefix` with the time behind it, and says so.
absl::Status MoveAside(const std::string& path, const std::string& prefix, absl::Time now, Steps* steps);

}  // namespace postern::gateway
