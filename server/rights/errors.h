// Errors of people's rights. Resource names, fields and states are public; identifiers of people never appear.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "proto/postern/v1/subject_rights.pb.h"

namespace postern::rights::errors {

absl::Status IdentityUnverified(absl::string_view request);
// REQUEST_STATE: `request` is in `state`, which does not allow what was asked.
absl::Status RequestState(absl::string_view request, v1::SubjectRequest::State state);
// ALREADY_EXISTS with REQUEST_ID_REUSED.
absl::Status RequestIdReused();
// `subject`, a minor, is spoken for by somebody who is not, or by nobody.
absl::Status GuardianUnlinked(absl::string_view subject);
absl::Status OrderShipped();
// ROLE_DENIED: what concerns minors is for those who have the role.
absl::Status MinorsOfficerOnly();
absl::Status InvestigationResolved(absl::string_view investigation);

}  // namespace postern::rights::errors
