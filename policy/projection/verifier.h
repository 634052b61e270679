// A second opinion: says whether projected bytes hold anything that the grant does not give. Simple on purpose, and
// shares no code with the projector. It works from the PlanSpec, not from the compiled tables.
//
// Two looks. The quick one walks the output once (OutputCheck), and the record only where conditions or ages decide
// (RecordCheck). The slow one parses both and compares them value by value (RecordView); it is what says no.
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
  // Whether something left that the grant does not give: OK, or VERIFIER_FINDING with the field path in metadata
  // "path". `record` is the projector's input. Takes the slow look where the quick one cannot tell.
  absl::Status Verify(const ProjectionContext& context, absl::string_view record, absl::string_view projected) const;
  // The slow look: also whether every value is the one that the record has, transformed as granted.
  absl::Status Compare(const ProjectionContext& context, absl::string_view record, absl::string_view projected) const;

 private:
  struct Impl;
  explicit Verifier(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

}  // namespace postern::policy
