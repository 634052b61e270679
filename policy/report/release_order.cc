#include "policy/report/release_order.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace postern::policy {
namespace {

std::string TransformKey(const LeafSpec& leaf) {
  return std::visit(
      [&](const auto& transform) -> std::string {
        if constexpr (std::is_same_v<std::decay_t<decltype(transform)>, std::monostate>) {
          return "";
        } else {
          return absl::StrCat(leaf.transform.index(), ":", transform.SerializeAsString());
        }
      },
      leaf.transform);
}

std::string PredicateKey(const PredicateSpec& predicate) {
  return absl::StrCat(DottedPath(predicate.left), "\n", static_cast<int>(predicate.kind), "\n",
                      DottedPath(predicate.right), "\n", absl::StrJoin(predicate.literals, "\r"), "\n",
                      predicate.present, predicate.at_least, predicate.absent_is_false);
}

std::set<std::string> PredicateKeys(const LeafSpec& leaf) {
  std::set<std::string> keys;
  for (const PredicateSpec& predicate : leaf.when) keys.insert(PredicateKey(predicate));
  return keys;
}

bool MinorsWithin(const PlanSpec& inner, const PlanSpec& outer) {
  return (outer.adult_only || !inner.adult_only) && inner.majority_age >= outer.majority_age;
}

// A higher number lets less through.
int Strictness(v1::CardNumberAction action) {
  return action == v1::REFUSE ? 2 : action == v1::REDACT ? 1 : 0;
}

using Leaves = std::map<std::string, const LeafSpec*>;
Leaves LeavesByPath(const CompiledGrant& grant) {
  Leaves leaves;
  for (const LeafSpec& leaf : grant.spec->leaves) leaves.emplace(DottedPath(leaf.path), &leaf);
  return leaves;
}

}  // namespace

bool LeafReleasesWithin(const PlanSpec& inner_plan, const LeafSpec& inner, const PlanSpec& outer_plan,
                        const LeafSpec& outer) {
  const std::string transform = TransformKey(outer);
  if (!transform.empty() && transform != TransformKey(inner)) return false;
  const std::set<std::string> fewer = PredicateKeys(outer), more = PredicateKeys(inner);
  if (!std::includes(more.begin(), more.end(), fewer.begin(), fewer.end())) return false;
  if (outer.withheld_from_minors && !(inner.withheld_from_minors && MinorsWithin(inner_plan, outer_plan))) return false;
  if (outer.consent >= 0 && (inner.consent < 0 || inner_plan.consents[static_cast<size_t>(inner.consent)] !=
                                                      outer_plan.consents[static_cast<size_t>(outer.consent)])) {
    return false;
  }
  return Strictness(inner.on_card_number) >= Strictness(outer.on_card_number);
}

bool ReleasesWithin(const CompiledGrant& inner, const CompiledGrant& outer) {
  if (outer.consent_required && !inner.consent_required) return false;
  const Leaves outer_leaves = LeavesByPath(outer), inner_leaves = LeavesByPath(inner);
  return std::all_of(inner_leaves.begin(), inner_leaves.end(), [&](const auto& entry) {
    const auto match = outer_leaves.find(entry.first);
    return match != outer_leaves.end() && LeafReleasesWithin(*inner.spec, *entry.second, *outer.spec, *match->second);
  });
}

}  // namespace postern::policy
