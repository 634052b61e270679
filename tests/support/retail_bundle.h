// The retail schema, policy and contracts of policy/retail as a bundle, and records of that schema.
#pragma once

#include <string>

#include "proto/postern/v1/disclosure.pb.h"
#include "proto/postern/v1/partner.pb.h"

namespace postern::testing {

v1::PolicyBundle RetailBundle();

// A domestic shipment. `marker` is part of the recipient's name and of the account's e-mail address, which no carrier
// is granted.
v1::Record ShipmentRecord(const std::string& reference, uint64_t version, const std::string& marker);

}  // namespace postern::testing
