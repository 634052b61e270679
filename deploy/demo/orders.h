// Orders of many kinds: several scripts, at home and abroad, minors with guardians, remarks with card numbers in them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "deploy/demo/canary.h"
#include "policy/retail/shop/v1/payment.pb.h"
#include "policy/retail/shop/v1/shipment.pb.h"

namespace postern::demo {

inline constexpr char kSwift[] = "swift-parcel";     // carrier at home and abroad
inline constexpr char kNordic[] = "nordic-freight";  // carrier at home
inline constexpr char kClearPay[] = "clear-pay";     // payment channel

struct DemoOrder {
  shop::v1::Shipment shipment;
  shop::v1::PaymentRequest payment;
  std::vector<Planted> planted;  // of both records
};

// Order number `index` of a run. Who may see what is written here by hand from reading the contracts and the privacy
// policy; nothing of it comes from the policy engine.
DemoOrder MakeOrder(int index, CanaryMaker& canaries);

}  // namespace postern::demo
