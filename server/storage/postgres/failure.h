// What went wrong, said without a word of the server's: its messages and details carry values of rows.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace postern::storage {

// `state` is an SQLSTATE (PostgreSQL 15, appendix A), empty where the connection is lost. LEDGER_UNAVAILABLE; INTERNAL
// for a violated constraint or a value that does not fit, which are defects of ours.
absl::Status PostgresFailed(absl::string_view operation, absl::string_view state);

// Whether the transaction was undone because of another one and may be tried again as it is.
bool MayBeRetried(absl::string_view state);

// FAILED_PRECONDITION: the server is not set up as a ledger needs it. `what` names a setting and its value.
absl::Status PostgresUnfit(absl::string_view what);

}  // namespace postern::storage
