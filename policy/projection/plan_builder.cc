// From PlanSpec to ProjectionPlan: check the paths, compile gates and transforms, lay out the levels.
#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "absl/strings/str_cat.h"
#include "policy/projection/any_value.h"
#include "policy/projection/fast_plan.h"
#include "policy/projection/level_builder.h"
#include "policy/projection/plan.h"
#include "policy/projection/plan_trie.h"
#include "policy/projection/tables.h"
#include "proto/errors/error.h"

namespace postern::policy {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// The gateway reads nothing of what an Any holds: which type that is the record says, not the schema.
absl::Status CheckReadable(const FieldPath& path) {
  if (!EntersAnyValue(path)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(DottedPath(path), " is inside a google.protobuf.Any, where nothing is read"));
}

class PlanBuilder {
 public:
  PlanBuilder(const PlanSpec& spec, ProjectionPlan::Tables* tables) : spec_(spec), tables_(*tables) {
    root_.type = spec.record_type;
  }

  absl::Status Build() {
    if (spec_.consents.size() > 64) return absl::InvalidArgumentError("a plan has at most 64 consents");
    tables_.spec = spec_;
    tables_.record_type = spec_.record_type->full_name();
    tables_.consents = spec_.consents;
    tables_.adult_only = spec_.adult_only;
    tables_.majority_age = spec_.majority_age;
    tables_.roles_required = spec_.roles_required;
    tables_.gates.emplace_back();
    for (const RoleSpec& role : spec_.roles) POSTERN_RETURN_IF_ERROR(AddRole(role));
    for (const LeafSpec* leaf : SortedLeaves()) POSTERN_RETURN_IF_ERROR(AddLeaf(*leaf));
    POSTERN_RETURN_IF_ERROR(CheckLeavesDoNotNest(root_));
    std::set<std::string> unclassified;
    for (const FieldPath& path : spec_.unclassified) unclassified.insert(DottedPath(path));
    LevelBuilder(std::move(unclassified), &tables_).Build(root_);
    tables_.fast = BuildFastPlan(tables_);
    return absl::OkStatus();
  }

 private:
  std::vector<const LeafSpec*> SortedLeaves() const {
    std::vector<const LeafSpec*> leaves;
    for (const LeafSpec& leaf : spec_.leaves) leaves.push_back(&leaf);
    std::sort(leaves.begin(), leaves.end(), [](const LeafSpec* a, const LeafSpec* b) {
      return std::lexicographical_compare(
          a->path.begin(), a->path.end(), b->path.begin(), b->path.end(), [](const auto* x, const auto* y) {
            // Of several types that an Any may hold, by name.
            const Descriptor *in = x->containing_type(), *other = y->containing_type();
            return in != other ? in->full_name() < other->full_name() : x->number() < y->number();
          });
    });
    return leaves;
  }

  absl::Status AddLeaf(const LeafSpec& spec) {
    POSTERN_ASSIGN_OR_RETURN(FieldUse * use, AddPath(spec.path, &root_));
    if (use->leaf >= 0) return absl::InvalidArgumentError(absl::StrCat(DottedPath(spec.path), " is granted twice"));
    Leaf leaf;
    leaf.path = DottedPath(spec.path);
    POSTERN_ASSIGN_OR_RETURN(leaf.transform, Transform::Create(*spec.path.back(), spec.transform));
    leaf.required = spec.required;
    leaf.on_card_number = spec.on_card_number;
    POSTERN_ASSIGN_OR_RETURN(leaf.gate, AddGate(spec));
    tables_.needs_pseudonym_key |= leaf.transform.needs_pseudonym_key();
    tables_.granted_paths.push_back(leaf.path);
    use->leaf = static_cast<int32_t>(tables_.leaves.size());
    tables_.leaves.push_back(std::move(leaf));
    return absl::OkStatus();
  }

  absl::StatusOr<int32_t> AddGate(const LeafSpec& spec) {
    if (spec.consent >= static_cast<int>(spec_.consents.size()))
      return absl::InvalidArgumentError("a leaf needs a consent that is not listed");
    Gate gate;
    gate.withheld_from_minors = spec.withheld_from_minors;
    gate.consent = std::max(spec.consent, -1);
    POSTERN_ASSIGN_OR_RETURN(gate.country, AddCountry(spec));
    for (const PredicateSpec& predicate : spec.when) {
      POSTERN_ASSIGN_OR_RETURN(const int32_t left, AddOperand(predicate.left));
      int32_t right = -1;
      if (!predicate.right.empty()) {
        POSTERN_ASSIGN_OR_RETURN(right, AddOperand(predicate.right));
      }
      POSTERN_ASSIGN_OR_RETURN(Predicate compiled, CompilePredicate(predicate, left, right, tables_.operands));
      gate.when.push_back(std::move(compiled));
    }
    if (gate.when.empty() && gate.country < 0) {
      // Leaves behind the same door share it, so that the usual plan has few gates.
      for (size_t i = 0; i < tables_.gates.size(); ++i) {
        const Gate& other = tables_.gates[i];
        if (other.when.empty() && other.country < 0 && other.withheld_from_minors == gate.withheld_from_minors &&
            other.consent == gate.consent) {
          return static_cast<int32_t>(i);
        }
      }
    }
    tables_.gates.push_back(std::move(gate));
    return static_cast<int32_t>(tables_.gates.size()) - 1;
  }

  // The operand of a postcode transform, -1 for any other.
  absl::StatusOr<int32_t> AddCountry(const LeafSpec& spec) {
    const auto* generalise = std::get_if<v1::Generalise>(&spec.transform);
    if ((generalise != nullptr && generalise->has_postcode()) == spec.country.empty()) {
      return absl::InvalidArgumentError("a postcode transform, and no other, reads a country");
    }
    if (spec.country.empty()) return -1;
    POSTERN_ASSIGN_OR_RETURN(const int32_t operand, AddOperand(spec.country));
    if (tables_.operands[static_cast<size_t>(operand)].type != FieldDescriptor::TYPE_STRING)
      return absl::InvalidArgumentError(absl::StrCat("the country ", DottedPath(spec.country), " is no string"));
    return operand;
  }

  absl::StatusOr<int32_t> AddOperand(const FieldPath& path) {
    const auto known = operand_indexes_.find(path);
    if (known != operand_indexes_.end()) return known->second;
    POSTERN_RETURN_IF_ERROR(CheckReadable(path));
    POSTERN_ASSIGN_OR_RETURN(FieldUse * use, AddPath(path, &root_));
    for (const FieldDescriptor* field : path) {
      if (field->is_repeated()) {
        return absl::InvalidArgumentError(
            absl::StrCat("a condition reads ", DottedPath(path), ", which may occur more than once"));
      }
    }
    POSTERN_ASSIGN_OR_RETURN(OperandType type, OperandTypeOf(*path.back()));
    const auto index = static_cast<int32_t>(tables_.operands.size());
    tables_.operands.push_back(std::move(type));
    tables_.operand_paths.push_back(path);
    operand_indexes_.emplace(path, index);
    use->reads.push_back({v1::FIELD_ROLE_UNSPECIFIED, index});
    return index;
  }

  absl::Status AddRole(const RoleSpec& role) {
    POSTERN_RETURN_IF_ERROR(CheckReadable(role.path));
    POSTERN_ASSIGN_OR_RETURN(FieldUse * use, AddPath(role.path, &root_));
    if (!FitsRole(*role.path.back(), role.role)) {
      return absl::InvalidArgumentError(
          absl::StrCat(DottedPath(role.path), " cannot have the role ", v1::FieldRole_Name(role.role)));
    }
    if (role.role == v1::FIELD_ROLE_RECORD_KEY) tables_.record_key_path = DottedPath(role.path);
    if (role.role == v1::FIELD_ROLE_RECORD_VERSION) tables_.record_version_path = DottedPath(role.path);
    use->reads.push_back({role.role, -1});
    return absl::OkStatus();
  }

  static bool FitsRole(const FieldDescriptor& field, v1::FieldRole role) {
    if (field.is_map()) return false;
    switch (role) {
      case v1::FIELD_ROLE_UNSPECIFIED:
        return false;
      case v1::FIELD_ROLE_MINOR_FLAG:
        return field.type() == FieldDescriptor::TYPE_BOOL && !field.is_repeated();
      case v1::FIELD_ROLE_RECORD_VERSION:
        switch (field.cpp_type()) {
          case FieldDescriptor::CPPTYPE_INT32:
          case FieldDescriptor::CPPTYPE_INT64:
          case FieldDescriptor::CPPTYPE_UINT32:
          case FieldDescriptor::CPPTYPE_UINT64:
            return !field.is_repeated();
          default:
            return false;
        }
      case v1::FIELD_ROLE_BIRTH_DATE:
        if (field.type() == FieldDescriptor::TYPE_MESSAGE) return DateLayoutOf(*field.message_type()).has_value();
        return field.type() == FieldDescriptor::TYPE_STRING;
      default:
        return field.cpp_type() == FieldDescriptor::CPPTYPE_STRING;
    }
  }

  const PlanSpec& spec_;
  ProjectionPlan::Tables& tables_;
  TrieNode root_;
  std::map<FieldPath, int32_t> operand_indexes_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<const ProjectionPlan>> BuildPlan(const PlanSpec& spec) {
  if (spec.record_type == nullptr) return absl::InvalidArgumentError("a plan needs a record type");
  auto tables = std::make_unique<ProjectionPlan::Tables>();
  POSTERN_RETURN_IF_ERROR(PlanBuilder(spec, tables.get()).Build());
  return std::shared_ptr<const ProjectionPlan>(new ProjectionPlan(std::move(tables)));
}

}  // namespace postern::policy
