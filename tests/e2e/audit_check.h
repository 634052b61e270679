// The audit log as somebody outside checks it: with client/verify, which shares no code with the gateway.
#pragma once

#include <string>

#include "tests/support/retail_shop.h"

namespace postern::testing {

// "" if the leaves give the root that the gateway's latest checkpoint signs; otherwise what is wrong.
std::string CheckAuditLog(RetailShop& shop);

}  // namespace postern::testing
