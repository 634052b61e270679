// The records that are projected.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "postern/bench/v1/order.pb.h"

namespace postern::bench {

enum class OrderSize { kSmall, kMiddle, kLarge };  // about 0.2, 1.7 and 21 KB: 1, 5 and 200 line items

// An order; another seed gives other texts of other lengths. Seed 0 is ASCII throughout; of the others every fourth has
// names and addresses in other scripts.
v1::Order MakeOrder(OrderSize size, uint64_t seed);

// Serialised with deterministic order of map entries.
std::string Serialise(const google::protobuf::Message& message);

// Fields that are set, on every level; elements of repeated fields each, map entries with key and value.
int CountFields(const google::protobuf::Message& message);

}  // namespace postern::bench
