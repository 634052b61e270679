// The projectors of the sets of targets that records come with: a shop sends its records to few combinations of
// partners, and making a projector costs far more than using it.
#pragma once

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "policy/projection/multi_projector.h"

namespace postern::disclosure {

// Thread-safe.
class ProjectorCache {
 public:
  using Plans = std::vector<std::shared_ptr<const policy::ProjectionPlan>>;
  // The projector for these plans in this order. MultiProjector::Create's errors.
  absl::StatusOr<std::shared_ptr<const policy::MultiProjector>> Get(const Plans& plans);

 private:
  static constexpr size_t kMaxProjectors = 128;  // then all are forgotten, those of replaced policies among them

  absl::Mutex mutex_;
  // A projector keeps its plans, so that no other plan gets the address of one that is a key here.
  absl::flat_hash_map<std::vector<const policy::ProjectionPlan*>, std::shared_ptr<const policy::MultiProjector>>
      projectors_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace postern::disclosure
