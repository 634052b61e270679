// Errors of disclosing, also used by delivery. Names, types, limits and paths are public; record content never is.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace postern::disclosure::errors {

// INVALID_ARGUMENT; `field` as in the proto.
absl::Status InvalidField(absl::string_view field, absl::string_view what);
absl::Status NotFound(absl::string_view name);
absl::Status PartnerSuspended(absl::string_view name);
absl::Status PartnerNotActive(absl::string_view name);
absl::Status PolicyVersion(absl::string_view active);
absl::Status PurposeNotGranted(absl::string_view partner, absl::string_view purpose, absl::string_view record_type);
absl::Status RecordTypeUnknown(absl::string_view record_type);
absl::Status ConsentRequired(absl::string_view purpose);
absl::Status SubjectRestricted(absl::string_view purpose);
absl::Status SubjectSuppressed();
absl::Status CanaryReserved();
// Metadata "partner" and "purpose".
absl::Status CategoryFrozen(absl::string_view partner, absl::string_view purpose);
absl::Status EarlierRecordRefused();
absl::Status RequestIdInvalid();
absl::Status RequestIdExpired();
absl::Status LedgerUnavailable();
absl::Status Overloaded(absl::string_view what);
absl::Status ChannelMismatch(absl::string_view partner);
absl::Status Draining();
absl::Status Fenced();
absl::Status CredentialExpired();
absl::Status KeyShredded();
// INTERNAL: what is stored contradicts itself.
absl::Status Inconsistent(absl::string_view what);

}  // namespace postern::disclosure::errors
