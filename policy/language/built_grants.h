// What was built for the grants of a bundle so far, so that equal grants share it: partners of one kind are mostly
// granted the same, and the tables of a grant take far more room than its text.
#pragma once

#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message_lite.h"
#include "policy/projection/plan.h"
#include "policy/projection/plan_spec.h"
#include "policy/projection/verifier.h"
#include "proto/postern/v1/privacy_policy.pb.h"

namespace postern::policy {

// Everything in it is immutable and may be shared.
struct BuiltGrant {
  std::shared_ptr<const PlanSpec> spec;
  std::shared_ptr<const ProjectionPlan> plan;
  std::shared_ptr<const Verifier> verifier;
};

// Of one bundle: a PlanSpec is made from the catalogue, the privacy policy, a ceiling of it and the grant's own fields,
// and the first two are the bundle's. Not thread-safe.
class BuiltGrants {
 public:
  // The key of a grant, from all that its PlanSpec depends on. `grant` is the grant without what is said to people
  // about it; `ceiling` belongs to the bundle's vocabulary.
  static std::string KeyOf(const google::protobuf::MessageLite& grant, const v1::Ceiling& ceiling);

  // Null if no such grant was built.
  const BuiltGrant* Find(absl::string_view key) const;
  void Add(std::string key, BuiltGrant built);

 private:
  absl::flat_hash_map<std::string, BuiltGrant> built_;
};

}  // namespace postern::policy
