// The core of a gateway in this process, without listeners, as an endpoint of traffic.
#pragma once

#include <memory>

#include "server/gateway/core.h"
#include "tests/crash/load.h"

namespace postern::testing {

// Borrows the core. Every checkpoint that is asked for is published first, and cuts the ledger's log to nothing.
Endpoint EndpointOfCore(gateway::Core& core);

// Takes a core down as the gateway does.
void CloseCore(std::unique_ptr<gateway::Core> core);

}  // namespace postern::testing
