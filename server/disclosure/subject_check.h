// What the subjects of one record have said about its disclosure.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "policy/language/compiler.h"
#include "server/registry/subject_standings.h"
#include "server/storage/store.h"

namespace postern::disclosure {

// Judges the subjects of one record under one grant; returns the plan's consents (ProjectionContext::consents_granted)
// that are on record for every one of the first `asked` subjects. Those are the persons whose consent counts: everyone
// with an id, or, in a record without any, everyone with a contact. A restriction counts whoever has it, guardians
// included. SUBJECT_SUPPRESSED, SUBJECT_RESTRICTED, CONSENT_REQUIRED; CANARY_RESERVED for an invented person that is
// another partner's than `partner`.
absl::StatusOr<uint64_t> JudgeSubjects(const registry::SubjectStandings& standings,
                                       absl::Span<const storage::Mac16> subjects, size_t asked,
                                       absl::string_view partner, const policy::CompiledGrant& grant);

// True if one of the first `asked` subjects has a guardian at `now`: a minor, whatever the record says or leaves out.
bool AnyMinor(const registry::SubjectStandings& standings, absl::Span<const storage::Mac16> subjects, size_t asked,
              absl::Time now);

}  // namespace postern::disclosure
