// The audit leaves of this path and of delivery: a public entry and, for disclosures, a commitment to the private part.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proto/postern/v1/audit.pb.h"
#include "proto/postern/v1/disclosure.pb.h"
#include "proto/postern/v1/errors.pb.h"
#include "server/registry/audit_entry.h"

namespace postern::disclosure {

using registry::kGatewayPrincipal;

// An entry with kind, time, principal and resource set.
v1::AuditEntry MakeEntry(v1::AuditEntry::Kind kind, absl::Time time, absl::string_view principal,
                         absl::string_view resource);

// The leaf of an entry that has no private part.
absl::StatusOr<std::string> PublicLeaf(const v1::AuditEntry& entry);

// The leaf that says how a disclosure ended. `reason` may be unspecified.
absl::StatusOr<std::string> SettlementLeaf(absl::Time time, absl::string_view principal, absl::string_view disclosure,
                                           v1::DisclosureState state, v1::ErrorReason reason);

// The name of a reason; empty for none.
std::string ReasonName(v1::ErrorReason reason);

}  // namespace postern::disclosure
