// What is left to do after a fast walk, from the fields it saw.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "policy/projection/emitter.h"
#include "policy/projection/tables.h"

namespace postern::policy {

// `seen`: by level, the fields that occurred. `closed`: a bit for each gate.
// A leaf that is required and did not leave, or null.
const Leaf* FindMissing(const ProjectionPlan::Tables& tables, absl::Span<const uint64_t> seen, uint64_t closed);

// Fills the bitmap of withheld fields. `gates`: null if all are open.
void ReportWithheld(const ProjectionPlan::Tables& tables, absl::Span<const uint64_t> seen, const Emitter* gates,
                    std::vector<uint64_t>* bits);

}  // namespace postern::policy
