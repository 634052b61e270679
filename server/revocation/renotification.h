// What a partner kept on a ground is asked for again when the ground ends.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "server/registry/control_plane.h"
#include "server/revocation/notice.h"

namespace postern::revocation {

// Puts handles whose exemption has ended into new notices of their campaign, which is OPEN again by that. Returns how
// many handles. Takes ControlPlane::mutex. Reads every notice of every EXEMPTED campaign: for once a day.
absl::StatusOr<int64_t> RenotifyEndedExemptions(registry::ControlPlane& control, const CampaignOptions& options);

}  // namespace postern::revocation
