// Request ids: UUIDv7 (RFC 9562), as the gateway asks for them.
#pragma once

#include <string>

#include "absl/time/time.h"

namespace postern::client {

// A new id in canonical text form. `now` becomes its time part; the rest is random.
std::string NewRequestId(absl::Time now);

}  // namespace postern::client
