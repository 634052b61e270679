// When a refused call may be made again.
#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace postern {

// `error` with a google.rpc.RetryInfo that says: not before `delay` has passed.
absl::Status WithRetryDelay(absl::Status error, absl::Duration delay);

// What WithRetryDelay put there; zero if nothing was.
absl::Duration RetryDelayOf(const absl::Status& error);

}  // namespace postern
