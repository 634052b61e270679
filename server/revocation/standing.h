// A partner's own view of itself.
#pragma once

#include "absl/status/statusor.h"
#include "proto/postern/v1/partner_service.pb.h"
#include "server/identity/principal.h"
#include "server/registry/control_plane.h"

namespace postern::revocation {

// State, grants in force, what waits. What is withheld is computed from schema and contract and never from a record: a
// leaf outside the grant is NOT_GRANTED, a granted one that may stay back is WITHHELD_BY_POLICY. PARTNER_UNKNOWN.
absl::StatusOr<v1::GetStandingResponse> GetStanding(registry::ControlPlane& control, const identity::Principal& caller);

}  // namespace postern::revocation
