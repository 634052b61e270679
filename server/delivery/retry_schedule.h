// When what failed on the gateway's own channels is tried again.
#pragma once

#include <optional>

#include "absl/time/time.h"

namespace postern::delivery {

// Before the next attempt of a record of which `failures` attempts failed: the schedule of Standard Webhooks 1.0.0, ten
// attempts over some three days. Nothing: it is not tried again. `random` is in [0, 1) and lengthens the delay by up to
// a fifth, so that what failed together does not come back together.
std::optional<absl::Duration> RetryDelay(int failures, double random);

// Before the next call to an endpoint after `failures` calls in a row failed: a second, doubling up to five minutes,
// lengthened likewise.
absl::Duration EndpointPause(int failures, double random);

}  // namespace postern::delivery
