// Errors of server/registry, also used to the right of it. Resource names, field names and limits are public.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "proto/postern/v1/operator_service.pb.h"

namespace postern::registry::errors {

absl::Status PartnerUnknown(absl::string_view name);
// NOT_FOUND for anything but a partner.
absl::Status NotFound(absl::string_view name);
// ALREADY_EXISTS.
absl::Status PartnerExists(absl::string_view name);
// ALREADY_EXISTS: another partner has this identity.
absl::Status IdentityTaken(absl::string_view identity, absl::string_view holder);
// INVALID_ARGUMENT; `field` as in the proto, for example "partner.identities[0].trust_bundle_pem".
absl::Status InvalidField(absl::string_view field, absl::string_view what);
absl::Status EtagMismatch(absl::string_view name);
absl::Status StateTransition(absl::string_view name, absl::string_view from, absl::string_view to);
absl::Status PartnerTerminated(absl::string_view name);
// FENCED: why a partner's streams end when its grants become narrower; it may come back at once.
absl::Status GrantsNarrowed(absl::string_view name);
absl::Status SecondPersonRequired(absl::string_view name);
absl::Status ContractNotInForce(absl::string_view contract, absl::string_view what);
absl::Status DocumentExpired(absl::string_view contract, absl::string_view document_kind);
absl::Status PolicyAbsent();
// POLICY_INVALID; carries the diagnostics, see PolicyDiagnosticsOf in bundle_registry.h.
absl::Status PolicyInvalid(const v1::PolicyDiagnostics& diagnostics);
// INTERNAL: what is stored contradicts itself.
absl::Status StoreInconsistent(absl::string_view what);

}  // namespace postern::registry::errors
