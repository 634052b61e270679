// What changes between two bundles, field by field, and whether anybody gets more than before.
#pragma once

#include <string>
#include <vector>

#include "policy/language/compiler.h"

namespace postern::policy {

struct FieldChange {
  enum class Kind { kAdded, kRemoved, kChanged };
  std::string partner;
  std::string purpose;
  std::string record_type;
  bool inbound = false;
  std::string path;
  std::string category;  // of the bundle that grants it, the newer one if both do
  Kind kind = Kind::kAdded;
  std::string before;  // how it leaves, for example "mask { keep_last: 4 }, if a is present"; empty where it does not
  std::string after;
  bool widens = false;
};

// A term of a contract beside its grants.
struct TermChange {
  std::string contract;
  std::string term;  // "expires_on", "partner_retention", "contract", ...
  std::string before;
  std::string after;
  bool widens = false;
};

struct BundleDiff {
  std::string policy_version_before;
  std::string policy_version_after;
  std::vector<FieldChange> fields;
  std::vector<TermChange> terms;
  // True if any change lets a value leave, or stay away longer, that did not before. Where two treatments cannot be
  // compared (one mask for another), the change counts as widening.
  bool widens = false;
  bool empty() const { return fields.empty() && terms.empty() && policy_version_before == policy_version_after; }
};

// `before` may be null: everything is then added.
BundleDiff Diff(const CompiledBundle* before, const CompiledBundle& after);

}  // namespace postern::policy
