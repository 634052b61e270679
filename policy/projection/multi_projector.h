// Several partners, one walk: a record of one type projected by the plans of all its targets at once.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "policy/projection/plan.h"
#include "policy/projection/projector.h"

namespace postern::policy {

struct SharedPlan;

// Thread-safe: immutable.
class MultiProjector {
 public:
  // One target of one record. `result` is reused like Project's, and distinct from the other targets'.
  struct Target {
    const ProjectionContext* context = nullptr;
    ProjectionResult* result = nullptr;
    absl::Status status;  // out: what Project would return
  };

  // The plans are kept. InvalidArgument without a plan, or if they are not of one record type.
  static absl::StatusOr<std::unique_ptr<const MultiProjector>> Create(
      std::vector<std::shared_ptr<const ProjectionPlan>> plans);
  ~MultiProjector();

  // Gives every target what Project gives it. `targets` stand in the order of the plans, as many as those. Costs one
  // walk and the copying for each where the record is regular, and two where a gate is closed.
  void Project(absl::string_view record, absl::Span<Target> targets) const;

 private:
  MultiProjector(std::vector<std::shared_ptr<const ProjectionPlan>> plans, std::unique_ptr<const SharedPlan> shared);
  bool ProjectShared(absl::string_view record, absl::Span<Target> targets) const;

  const std::vector<std::shared_ptr<const ProjectionPlan>> plans_;
  const std::unique_ptr<const SharedPlan> shared_;  // null: the plans have no walk in common
  std::vector<uint8_t> container_targets_;          // with every gate open
};

}  // namespace postern::policy
