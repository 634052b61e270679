// The compiled form of one grant: per message level a flat table from field number to action. Immutable after
// BuildPlan.
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
  // What the plan may withhold, by path; the first bits of ProjectionResult::withheld_bits (those behind say which
  // granted members of oneofs were superseded). A message that the plan does not enter is one path, "marketing";
  // unknown fields of a message are "customer.(unknown)"; what an Any holds begins "details[TYPE URL]."; a granted leaf
  // that may be withheld for several reasons occurs once for each.
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

// InvalidArgument if the spec contradicts itself (a leaf twice or inside another, more than 64 consents, a transform
// that its field's type cannot take, a path that does not follow its descriptors or ends at a google.protobuf.Any or in
// it instead of in what it holds, a role, condition or country in what an Any holds or on an unfit field).
absl::StatusOr<std::shared_ptr<const ProjectionPlan>> BuildPlan(const PlanSpec& spec);

}  // namespace postern::policy
