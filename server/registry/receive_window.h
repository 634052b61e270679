// How many records may be with a partner unacknowledged.
#pragma once

#include "server/registry/snapshot.h"

namespace postern::registry {

// The smallest window of the contracts that deliver by stream, for none of them may be exceeded. At least 1.
int ReceiveWindow(const PartnerView& partner);

}  // namespace postern::registry
