// A second opinion: says whether projected bytes hold anything that the grant does not give. Simple on purpose, and
// shares no code with the projector. It works from the PlanSpec, not from the compiled tables.
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "policy/projection/plan_spec.h"
#include "policy/projection/projector.h"

namespace postern::policy {

// Thread-safe: immutable.
class Verifier {
 public:
  static absl::StatusOr<std::unique_ptr<const Verifier>> Create(PlanSpec spec);
  ~Verifier();
  // OK, or VERIFIER_FINDING with the field path in metadata "path". `record` is the projector's input.
  absl::Status Verify(const ProjectionContext& context, absl::string_view record, absl::string_view projected) const;

 private:
  struct Impl;
  explicit Verifier(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

}  // namespace postern::policy
