// What a partner says back, trimmed to what its contract lets the shop see.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "policy/language/compiler.h"

namespace postern::delivery {

// The independent verifier, which looks at everything that comes in, found that a projection holds more than is granted
// inbound, at `path` of the message type. Nothing of it is passed on. Must not block: a call may be waiting.
using OnInboundFinding = std::function<void(const std::string& partner, const std::string& path)>;

// The projection of what `partner` sent to an inbound grant. RESPONSE_MALFORMED if it is not a valid message of its
// type or lacks a required field; VERIFIER_FINDING, and `on_finding` unless it is null.
absl::StatusOr<std::string> ProjectInbound(const policy::CompiledGrant& grant, const std::string& partner,
                                           absl::string_view bytes, absl::Time now, const OnInboundFinding& on_finding);

}  // namespace postern::delivery
