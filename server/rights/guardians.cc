#include "server/rights/guardians.h"

#include <algorithm>

#include "proto/errors/error.h"
#include "server/base/failpoint.h"
#include "server/disclosure/sealed_payload.h"
#include "server/rights/erasure.h"
#include "server/rights/errors.h"

namespace postern::rights {

absl::Status CheckGuardian(SubjectLedger& ledger, absl::Span<const storage::Mac16> subjects,
                           absl::string_view guardian) {
  if (base::FailpointSkips("guardian.skip")) return absl::OkStatus();
  for (const storage::Mac16& subject : subjects) {
    POSTERN_ASSIGN_OR_RETURN(const v1::Subject described, ledger.Describe(subject));
    const bool linked =
        std::any_of(described.guardians().begin(), described.guardians().end(),
                    [&](const v1::GuardianLink& link) { return absl::string_view(link.guardian()) == guardian; });
    if (!linked) return errors::GuardianUnlinked(described.name());
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> HaveGuardian(SubjectLedger& ledger, absl::Span<const storage::Mac16> subjects) {
  for (const storage::Mac16& subject : subjects) {
    POSTERN_ASSIGN_OR_RETURN(const v1::Subject described, ledger.Describe(subject));
    if (!described.guardians().empty()) return true;
  }
  return false;
}

absl::Status CheckMayHandle(SubjectLedger& ledger, const identity::Principal& caller,
                            const v1::SubjectRequest& request) {
  using identity::Role;
  if (caller.Has(Role::kStorefront) || caller.Has(Role::kMinorsOfficer) || base::FailpointSkips("minors_role.skip")) {
    return absl::OkStatus();
  }
  if (!request.guardian().empty()) return errors::MinorsOfficerOnly();
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::Mac16> subjects, SubjectsOf(request));
  POSTERN_ASSIGN_OR_RETURN(const bool minors, HaveGuardian(ledger, subjects));
  return minors ? errors::MinorsOfficerOnly() : absl::OkStatus();
}

absl::StatusOr<bool> LeftAsAdults(const registry::Snapshot& snapshot, GrantedFields& grants,
                                  const storage::DisclosureRow& row, const storage::Mac16& minor) {
  if (snapshot.bundle == nullptr) return false;
  // The keys of the subjects come first, in their order: which root they hang from says what the gateway knew then.
  for (size_t i = 0; i < std::min(row.subjects.size(), row.key_ids.size()); ++i) {
    if (row.subjects[i] != minor) continue;
    POSTERN_ASSIGN_OR_RETURN(const crypto::KeyId key, disclosure::FromStored(row.key_ids[i]));
    if (key.realm() == crypto::KeyRealm::kMinors) return false;
  }
  for (const std::string& category : snapshot.bundle->vocabulary().policy().minors().withheld_categories()) {
    POSTERN_ASSIGN_OR_RETURN(const bool released, grants.Released(row, category));
    if (released) return true;
  }
  return false;
}

}  // namespace postern::rights
