#include "server/storage/sql/admission.h"

#include "server/base/failpoint.h"
#include "server/storage/errors.h"

namespace postern::storage {

// model: commit
absl::Status CheckFences(const FenceTable& fences, const NewDisclosure& entry) {
  const auto seen = [&entry](FenceScope::Kind kind) {
    return kind == FenceScope::Kind::kSubject ? entry.subjects_resolved_at : entry.resolved_at;
  };
  // What was resolved after every fence was raised stands behind none.
  const bool behind =
      fences.newest() > entry.resolved_at || fences.NewestOf(FenceScope::Kind::kSubject) > entry.subjects_resolved_at;
  if (!behind || base::FailpointSkips("fence.skip")) return absl::OkStatus();
  for (const FenceScope& fence : entry.fences) {
    if (fences.VersionOf(fence) > seen(fence.kind)) return errors::Fenced(fence.kind);
  }
  return absl::OkStatus();
}

}  // namespace postern::storage
