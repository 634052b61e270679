// The compiled form of one grant: per message level a flat table from field number to action. Immutable after BuildPlan.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "policy/projection/plan_spec.h"

namespace postern::policy {

// Thread-safe: immutable. Keeps no pointer to the PlanSpec; the descriptors of the spec must outlive it.
class ProjectionPlan {
 public:
  ~ProjectionPlan();
  // Full name of the record type.
  const std::string& record_type() const;
  // Consent keys that must be resolved before projecting; at most 64.
  const std::vector<std::string>& consents() const;
  // Every leaf that the plan may withhold, by path; indexes of ProjectionResult::withheld_bits.
  const std::vector<std::string>& withheld_paths() const;
  // Leaves that may leave, by path, in field-number order.
  const std::vector<std::string>& granted_paths() const;
  // True if a pseudonymise transform is in the plan.
  bool needs_pseudonym_key() const;

  struct Tables;  // the projector's own
  const Tables& tables() const { return *tables_; }

 private:
  friend absl::StatusOr<std::shared_ptr<const ProjectionPlan>> BuildPlan(const PlanSpec& spec);
  explicit ProjectionPlan(std::unique_ptr<const Tables> tables);
  std::unique_ptr<const Tables> tables_;
};

// InvalidArgument if the spec contradicts itself (a leaf twice, more than 64 consents, a transform that its field's type cannot take).
absl::StatusOr<std::shared_ptr<const ProjectionPlan>> BuildPlan(const PlanSpec& spec);

}  // namespace postern::policy
