// The plan that the plans of several partners have in common: it enters, reads and grants what any of them does.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "policy/projection/fast_plan.h"
#include "policy/projection/multi_sink.h"
#include "policy/projection/plan.h"

namespace postern::policy {

struct SharedPlan {
  using Part = PlanPart;

  std::shared_ptr<const ProjectionPlan> plan;
  std::vector<Part> parts;                          // by target; the plans are the caller's to keep
  bool emits = false;                               // some plan does more than to keep all that it grants
  LeafTargets leaf_targets{};                       // the targets that are granted each leaf of the shared plan
  std::vector<std::vector<uint8_t>> leaves_within;  // by container of the shared plan: the leaves in it

  // Fills `to` from `by_leaf`: a container leaves for the targets for which some leaf in it does.
  void TargetsOfContainers(const LeafTargets& by_leaf, std::vector<uint8_t>* to) const;
};

// Null if the plans are too many, read different roles or countries of postcodes, grant a message whole here and in
// part there, or one of them is beyond the limits of the fast walk.
std::unique_ptr<const SharedPlan> BuildSharedPlan(absl::Span<const std::shared_ptr<const ProjectionPlan>> plans);

}  // namespace postern::policy
