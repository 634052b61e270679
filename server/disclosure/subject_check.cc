#include "server/disclosure/subject_check.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/failpoint.h"
#include "server/disclosure/errors.h"

namespace postern::disclosure {

absl::StatusOr<uint64_t> JudgeSubjects(const registry::SubjectStandings& standings,
                                       absl::Span<const storage::Mac16> subjects, size_t asked,
                                       absl::string_view partner, const policy::CompiledGrant& grant) {
  const bool whole_needed = grant.consent_required && !base::FailpointSkips("consent.skip");
  if (standings.empty()) {
    if (whole_needed) return errors::ConsentRequired(grant.purpose);
    return 0;
  }
  const std::vector<std::string>& consents = grant.plan->consents();
  uint64_t granted = consents.size() == 64 ? ~uint64_t{0} : (uint64_t{1} << consents.size()) - 1;
  if (asked == 0) granted = 0;
  bool whole = asked > 0;
  for (size_t i = 0; i < subjects.size(); ++i) {
    const std::shared_ptr<const registry::SubjectStanding> standing = standings.Find(subjects[i]);
    if (standing != nullptr && standing->suppressed) return errors::SubjectSuppressed();
    if (standing != nullptr && !standing->MayGoTo(partner) && !base::FailpointSkips("canary.skip")) {
      return errors::CanaryReserved();
    }
    if (standing != nullptr && !standing->Allows(grant.purpose) && !base::FailpointSkips("restriction.skip")) {
      return errors::SubjectRestricted(grant.purpose);
    }
    if (i >= asked) continue;
    if (standing == nullptr) {
      granted = 0;
      whole = false;
      continue;
    }
    for (size_t bit = 0; bit < consents.size(); ++bit) {
      if (!standing->Consents(consents[bit])) granted &= ~(uint64_t{1} << bit);
    }
    if (whole_needed) whole = whole && standing->Consents(absl::StrCat("purpose:", grant.purpose));
  }
  if (whole_needed && !whole) return errors::ConsentRequired(grant.purpose);
  return granted;
}

bool AnyMinor(const registry::SubjectStandings& standings, absl::Span<const storage::Mac16> subjects, size_t asked,
              absl::Time now) {
  if (standings.empty()) return false;
  return std::any_of(subjects.begin(), subjects.begin() + static_cast<std::ptrdiff_t>(asked),
                     [&](const storage::Mac16& subject) {
                       const auto standing = standings.Find(subject);
                       return standing != nullptr && standing->minor_until > now;
                     });
}

}  // namespace postern::disclosure
