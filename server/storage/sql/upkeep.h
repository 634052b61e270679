// Deleting what is no longer needed, in small transactions of its own between the commits.
#pragma once

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/storage/sql/write_scope.h"

namespace postern::storage {

// Run a body in a transaction, as the store's own ReadWith and WriteWith. The body may be run again.
using ReadFunction = absl::FunctionRef<absl::Status(absl::FunctionRef<absl::Status(Connection&)>)>;
using WriteFunction = absl::FunctionRef<absl::Status(absl::FunctionRef<absl::Status(WriteScope&)>)>;

// Deletes the payloads of backlogs that were ended. Whether there was anything to sweep.
absl::StatusOr<bool> SweepEndedBacklogs(ReadFunction read, WriteFunction write);
// Forgets the requests that are older than a request id is good for.
absl::Status ExpireRequests(WriteFunction write, absl::Time now);

}  // namespace postern::storage
