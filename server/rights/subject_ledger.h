// Reading and changing what the store holds about subjects, with the standing in memory always as new as the fence.
#pragma once

#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "proto/postern/v1/subject_rights.pb.h"
#include "server/rights/plane.h"
#include "server/storage/store.h"

namespace postern::rights {

// Not thread-safe: of whoever holds RightsPlane::mutex. One for a plane.
class SubjectLedger {
 public:
  explicit SubjectLedger(RightsPlane* plane) : plane_(*plane) {}

  // Applies `change` with the fences of `subjects` raised, and makes what it says of them visible to the disclosure
  // path: when it returns OK, no disclosure that was judged by an older standing is committed any more. After an error
  // the change is made or not, and nothing is judged by a standing that it may have overtaken.
  absl::Status Change(absl::Span<const storage::Mac16> subjects, storage::ChangeSet change);

  // What is on record, as people see it.
  absl::StatusOr<v1::Subject> Describe(const storage::Mac16& subject);

 private:
  absl::Status Read(const storage::Mac16& subject);

  RightsPlane& plane_;
  std::vector<storage::Mac16> unread_;  // changed, or perhaps changed, since they were read
};

// Every disclosure that concerns any of `subjects`, each once, in pages by subject; until `visit` fails.
absl::Status ForEachDisclosure(storage::Store& store, absl::Span<const storage::Mac16> subjects,
                               absl::FunctionRef<absl::Status(const storage::DisclosureRow&)> visit);

}  // namespace postern::rights
