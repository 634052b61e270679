// Errors of retention.
#pragma once

#include "absl/status/status.h"

namespace postern::retention::errors {

absl::Status ClockUnsettled();

}  // namespace postern::retention::errors
