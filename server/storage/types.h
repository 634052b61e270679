// What rows of every kind are made of.
#pragma once

#include <array>
#include <cstdint>

namespace postern::storage {

using Hash32 = std::array<uint8_t, 32>;
using Mac16 = std::array<uint8_t, 16>;  // truncated HMAC-SHA256: subjects, record keys, orders
using PartnerId = int64_t;              // a partner's row, never reused
using GrantId = int64_t;                // an interned GrantRef

constexpr int kLanes = 64;  // record keys hash into this many lanes a partner

}  // namespace postern::storage
