// How a contract's records reach the partner, as text and for comparison.
#pragma once

#include <string>

#include "proto/postern/v1/contract.pb.h"

namespace postern::policy {

// The channel with all its terms, on a line: "receive {}", "push { endpoint: \"orders\" timeout_ms: 5000 }".
std::string ChannelTerms(const v1::Delivery& delivery);

// True if records go to the same place by the same means. How many and how long may differ.
bool SameChannel(const v1::Delivery& a, const v1::Delivery& b);

}  // namespace postern::policy
