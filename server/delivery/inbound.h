// What a partner says back, trimmed to what its contract lets the shop see.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "policy/language/compiler.h"

namespace postern::delivery {

// The projection of `bytes` to an inbound grant. RESPONSE_MALFORMED if they are not a valid message of its type or lack
// a required field.
absl::StatusOr<std::string> ProjectInbound(const policy::CompiledGrant& grant, absl::string_view bytes, absl::Time now);

}  // namespace postern::delivery
