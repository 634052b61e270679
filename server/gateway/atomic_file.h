// Small public files that are replaced whole.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace postern::gateway {

// Replaces `path` by a file of mode 0600 with `content`; after a crash either content is there, whole.
// LEDGER_UNAVAILABLE if the disk fails.
absl::Status WriteFileAtomically(const std::string& path, absl::string_view content);

}  // namespace postern::gateway
