// Errors of server/revocation. Names of resources, counts and limits are public; handles are not shown.
#pragma once

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace postern::revocation::errors {

absl::Status ConfirmationRequired(absl::string_view name);
// PARTNER_SUSPENDED: why a partner's streams end.
// Told to the partner too: not why.
absl::Status PartnerSuspended(absl::string_view name);
// INVALID_ARGUMENT unless `reason` is a token: it stays in the audit log for ever, where free text has no place.
absl::Status CheckReason(absl::string_view reason);

absl::Status AttestationSignature(absl::string_view notice, absl::string_view what);
absl::Status AttestationNoticeDigest(absl::string_view notice, absl::string_view what);
absl::Status AttestationReplayed(absl::string_view notice);
absl::Status AttestationTime(absl::string_view notice, absl::string_view what);
// `missing` handles of the notice have no outcome.
absl::Status AttestationGap(absl::string_view notice, size_t missing);
// `foreign` outcomes are for handles that are not in the notice.
absl::Status AttestationForeignHandle(absl::string_view notice, size_t foreign);
// What an amendment may not do.
absl::Status AttestationAmendment(absl::string_view notice, absl::string_view what);
absl::Status AttestationExemption(absl::string_view notice, absl::string_view what);
// INVALID_ARGUMENT.
absl::Status AttestationMalformed(absl::string_view notice, absl::string_view what);
// ROLE_DENIED.
absl::Status PrivacyOfficerFirst(absl::string_view notice);

}  // namespace postern::revocation::errors
