#include "policy/projection/shared_plan.h"

#include <algorithm>
#include <map>
#include <utility>

namespace postern::policy {
namespace {

bool SameRoles(const PlanSpec& a, const PlanSpec& b) {
  return a.adult_only == b.adult_only && a.majority_age == b.majority_age && a.roles_required == b.roles_required &&
         std::equal(a.roles.begin(), a.roles.end(), b.roles.begin(), b.roles.end(),
                    [](const RoleSpec& x, const RoleSpec& y) { return x.role == y.role && x.path == y.path; });
}

class SharedPlanBuilder {
 public:
  explicit SharedPlanBuilder(absl::Span<const std::shared_ptr<const ProjectionPlan>> plans) : plans_(plans) {}

  std::unique_ptr<const SharedPlan> Build() {
    if (plans_.empty() || plans_.size() > kMaxTargets) return nullptr;
    const PlanSpec& first = plans_[0]->tables().spec;
    for (const auto& plan : plans_) {
      const ProjectionPlan::Tables& tables = plan->tables();
      const bool fits = tables.spec.record_type == first.record_type && SameRoles(tables.spec, first);
      if (!fits || tables.fast == nullptr) return nullptr;
    }
    auto built = BuildPlan(UnionSpec(first));
    if (!built.ok() || (*built)->tables().fast == nullptr) return nullptr;
    const ProjectionPlan::Tables& tables = (*built)->tables();
    if (tables.leaves.size() > kMaxSharedLeaves) return nullptr;
    auto shared = std::make_unique<SharedPlan>();
    shared->plan = *std::move(built);
    for (size_t i = 0; i < plans_.size(); ++i) {
      const ProjectionPlan::Tables& own = plans_[i]->tables();
      shared->parts.push_back(PartOf(tables, own));
      shared->emits |= own.fast->transforms || own.fast->dynamic;
      // The country of a postcode that another plan transforms otherwise is not read.
      const auto& operands = shared->parts[i].operands;
      const auto missing = static_cast<int32_t>(tables.operand_paths.size());
      if (std::find(operands.begin(), operands.end(), missing) != operands.end()) return nullptr;
      for (size_t leaf = 0; leaf < tables.leaves.size(); ++leaf) {
        const Field* const field = shared->parts[i].fields[leaf];
        if (field == nullptr) continue;
        shared->leaf_targets[leaf] |= static_cast<uint8_t>(1u << i);
        // The walk leaves records with postcodes, but knows one only where the shared plan has it.
        if (own.leaves[field->leaf].transform.is_postcode() && !tables.leaves[leaf].transform.is_postcode())
          return nullptr;
      }
    }
    for (const FastContainer& container : tables.fast->containers) {
      AddLeavesWithin(tables, *container.field, &shared->leaves_within.emplace_back());
    }
    return shared;
  }

 private:
  // Every leaf of every plan once. Where one transforms, the leaf is transformed, so that the walk asks the sink; where
  // one guards it, it is guarded. Conditions are there for their operands.
  PlanSpec UnionSpec(const PlanSpec& first) const {
    PlanSpec spec;
    spec.record_type = first.record_type;
    spec.roles = first.roles;
    spec.adult_only = first.adult_only;
    spec.majority_age = first.majority_age;
    spec.roles_required = first.roles_required;
    std::map<FieldPath, size_t> known;
    for (const auto& plan : plans_) {
      for (const LeafSpec& leaf : plan->tables().spec.leaves) {
        const auto [at, added] = known.try_emplace(leaf.path, spec.leaves.size());
        if (added) {
          spec.leaves.emplace_back();
          spec.leaves.back().path = leaf.path;
        }
        LeafSpec& all = spec.leaves[at->second];
        if (std::holds_alternative<std::monostate>(all.transform)) all.transform = leaf.transform;
        if (leaf.on_card_number != v1::CARD_NUMBER_ACTION_UNSPECIFIED) all.on_card_number = leaf.on_card_number;
        all.when.insert(all.when.end(), leaf.when.begin(), leaf.when.end());
      }
    }
    return spec;
  }

  static SharedPlan::Part PartOf(const ProjectionPlan::Tables& shared, const ProjectionPlan::Tables& own) {
    SharedPlan::Part part;
    part.tables = &own;
    part.fields.resize(shared.leaves.size());
    std::vector<uint8_t> levels(own.levels.size());
    MatchLevel(shared, own, 0, 0, &part, &levels);
    part.report = BuildFastReport(own, *shared.fast, levels);
    for (const FieldPath& path : own.operand_paths) {
      const auto at = std::find(shared.operand_paths.begin(), shared.operand_paths.end(), path);
      part.operands.push_back(static_cast<int32_t>(at - shared.operand_paths.begin()));
    }
    return part;
  }

  // Both levels declare the fields of one message type, in one order. Fills `levels`: by own level, the shared one.
  static void MatchLevel(const ProjectionPlan::Tables& shared, const ProjectionPlan::Tables& own, int32_t shared_level,
                         int32_t own_level, SharedPlan::Part* part, std::vector<uint8_t>* levels) {
    (*levels)[own_level] = static_cast<uint8_t>(shared_level);
    const Level& theirs = shared.levels[shared_level];
    const Level& ours = own.levels[own_level];
    for (size_t i = 0; i < ours.fields.size(); ++i) {
      if (ours.fields[i].leaf >= 0) part->fields[theirs.fields[i].leaf] = &ours.fields[i];
      if (ours.fields[i].level >= 0)
        MatchLevel(shared, own, theirs.fields[i].level, ours.fields[i].level, part, levels);
      if (ours.fields[i].any < 0) continue;
      for (const AnyUse::Packed& packed : own.anys[ours.fields[i].any].types) {
        const AnyUse::Packed* const same = shared.anys[theirs.fields[i].any].Find(packed.type_url);
        MatchLevel(shared, own, same->level, packed.level, part, levels);
      }
    }
  }

  static void AddLeavesWithin(const ProjectionPlan::Tables& shared, const Field& field, std::vector<uint8_t>* leaves) {
    if (field.leaf >= 0) {
      leaves->push_back(static_cast<uint8_t>(field.leaf));
    } else if (field.level >= 0) {
      for (const Field& inner : shared.levels[field.level].fields) AddLeavesWithin(shared, inner, leaves);
    }
    if (field.any < 0) return;
    for (const AnyUse::Packed& packed : shared.anys[field.any].types) {
      for (const Field& inner : shared.levels[packed.level].fields) AddLeavesWithin(shared, inner, leaves);
    }
  }

  const absl::Span<const std::shared_ptr<const ProjectionPlan>> plans_;
};

}  // namespace

void SharedPlan::TargetsOfContainers(const LeafTargets& by_leaf, std::vector<uint8_t>* to) const {
  to->assign(leaves_within.size(), 0);
  for (size_t i = 0; i < leaves_within.size(); ++i) {
    for (const uint8_t leaf : leaves_within[i]) (*to)[i] |= by_leaf[leaf];
  }
}

std::unique_ptr<const SharedPlan> BuildSharedPlan(absl::Span<const std::shared_ptr<const ProjectionPlan>> plans) {
  return SharedPlanBuilder(plans).Build();
}

}  // namespace postern::policy
