// Who may act for a minor, and who may handle what concerns one.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "proto/postern/v1/subject_rights.pb.h"
#include "server/identity/principal.h"
#include "server/rights/granted_fields.h"
#include "server/rights/subject_ledger.h"
#include "server/storage/store.h"

namespace postern::rights {

// OK if `guardian`, "subjects/{key}", has a link in force to every one of `subjects`; GUARDIAN_UNLINKED.
// LEDGER_UNAVAILABLE.
absl::Status CheckGuardian(SubjectLedger& ledger, absl::Span<const storage::Mac16> subjects,
                           absl::string_view guardian);

// True if any of `subjects` has a guardian now.
absl::StatusOr<bool> HaveGuardian(SubjectLedger& ledger, absl::Span<const storage::Mac16> subjects);

// OK for the shop's backend, for minors' officers, and if neither a guardian asks nor anyone of `request` has one;
// ROLE_DENIED.
absl::Status CheckMayHandle(SubjectLedger& ledger, const identity::Principal& caller,
                            const v1::SubjectRequest& request);

// Whether a record of `minor` was projected as that of an adult and may hold what the policy keeps from partners about
// minors. NOT_FOUND, LEDGER_UNAVAILABLE.
absl::StatusOr<bool> LeftAsAdults(const registry::Snapshot& snapshot, GrantedFields& grants,
                                  const storage::DisclosureRow& row, const storage::Mac16& minor);

}  // namespace postern::rights
