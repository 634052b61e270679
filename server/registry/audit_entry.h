// Audit leaves of state changes: they have no private part.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proto/postern/v1/audit.pb.h"
#include "server/registry/events.h"
#include "server/storage/store.h"

namespace postern::registry {

// Who acts when nobody asked.
inline constexpr absl::string_view kGatewayPrincipal = "gateway";

// What an entry and the event about the same thing have in common.
struct Act {
  absl::Time time;
  absl::string_view principal;
  absl::string_view resource;
};

// Adds the leaf of one entry to `leaves`. `what` goes into the details as "action". `reason` is an ErrorReason name or
// empty. INTERNAL if no random salt can be had.
absl::Status AppendLeaf(std::vector<std::string>* leaves, v1::AuditEntry::Kind kind, const Act& act,
                        absl::string_view what, Details details = {}, absl::string_view reason = {});

}  // namespace postern::registry
