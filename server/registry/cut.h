// Closing a partner's fence for certain.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/registry/control_plane.h"

namespace postern::registry {

// Closes the partner's fence and does not return before the last sender is out: one that hangs in a handover is freed
// by cutting its streams with `why` and aborting its connections, again and again. The caller holds
// ControlPlane::mutex. Returns what was cut on the way.
PartnerCutter::Cut CloseFence(ControlPlane& control, absl::string_view partner, const absl::Status& why);

}  // namespace postern::registry
