// Page sizes and tokens of List methods.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace postern::registry {

// `wanted`, or `standard` for 0. INVALID_ARGUMENT below 0 and above `max`.
absl::StatusOr<int> PageSize(int wanted, int standard, int max);

// A token that is a position: 0 for the empty one. INVALID_ARGUMENT if it is not one of ours.
absl::StatusOr<int64_t> PositionToken(absl::string_view token);

}  // namespace postern::registry
