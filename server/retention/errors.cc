#include "server/retention/errors.h"

#include "proto/errors/error.h"

namespace postern::retention::errors {

absl::Status ClockUnsettled() {
  return MakeError(v1::ERROR_REASON_CLOCK_UNSETTLED,
                   "the machine's clock was set, or the gateway started, a short while ago: try again later");
}

}  // namespace postern::retention::errors
