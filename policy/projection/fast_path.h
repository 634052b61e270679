// Projection by the fast walk.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "policy/projection/projector.h"
#include "policy/projection/tables.h"

namespace postern::policy {

inline constexpr size_t kMaxFastRecord = 1 << 20;  // larger ones are not worth a copy
inline constexpr size_t kFastSpare = 1024;         // by which transformed values may outgrow what they replace

// True if the record was one for the fast walk: *result and *status are then what the general walks would give. False:
// nothing is known about the record, and *result holds nothing of use. The bytes and extracts of `result` come cleared.
bool ProjectFast(const ProjectionPlan::Tables& tables, const ProjectionContext& context, absl::string_view record,
                 ProjectionResult* result, absl::Status* status);

}  // namespace postern::policy
