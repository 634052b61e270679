// The states of a partner and the moves between them:
//   DRAFT → ACTIVE ⇄ SUSPENDED(reason) → TERMINATING → TERMINATED, and ACTIVE → TERMINATING.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proto/postern/v1/partner.pb.h"

namespace postern::registry {

// The table. A partner that terminates never comes back: a new relationship is a new partner of the same legal entity.
bool CanMove(v1::PartnerState from, v1::PartnerState to);

// "ACTIVE" for PARTNER_STATE_ACTIVE.
absl::string_view StateName(v1::PartnerState state);

// Moves `partner` to `to` with `reason` (empty: none) and a new update time. STATE_TRANSITION, and nothing
// changed, if the table does not allow it.
absl::Status Move(v1::Partner* partner, v1::PartnerState to, absl::string_view reason, absl::Time now);

// True where disclosures may be authorised again later: ACTIVE and SUSPENDED.
bool KeepsGrants(v1::PartnerState state);
// True for TERMINATING and TERMINATED.
bool Revoked(v1::PartnerState state);

}  // namespace postern::registry
