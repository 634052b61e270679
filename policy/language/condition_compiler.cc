#include "policy/language/condition_compiler.h"

#include <array>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "policy/projection/any_value.h"
#include "policy/projection/predicate.h"

namespace postern::policy {
namespace {

using Kind = PredicateSpec::Kind;

// Empty if a condition may look at this category, else why not.
std::string Forbidden(const std::string& category, const ConditionScope& scope) {
  if (category.empty()) return "is not classified";
  if (scope.inbound) {
    return Vocabulary::MayComeBack(*scope.ceiling, category)
               ? ""
               : absl::StrCat("is ", category, ", which may not come back");
  }
  const v1::CeilingCategory* allowed = Vocabulary::Under(*scope.ceiling, category);
  if (allowed == nullptr || allowed->pseudonymised_only() || scope.vocabulary->WithheldFromMinors(category) ||
      scope.vocabulary->CategoryConsent(category) != nullptr) {
    return absl::StrCat("is ", category, ", which this partner may not have from every record");
  }
  return "";
}

// Types literals and operands with the projector's own rules.
bool TypesFit(const PredicateSpec& spec, const SourceLocation& at, DiagnosticSink& sink) {
  std::vector<OperandType> types;
  for (const FieldPath* path : {&spec.left, &spec.right}) {
    if (path->empty()) continue;
    absl::StatusOr<OperandType> type = OperandTypeOf(*path->back());
    if (!type.ok()) {
      sink.Error(at, std::string(type.status().message()));
      return false;
    }
    types.push_back(*std::move(type));
  }
  const absl::StatusOr<Predicate> predicate = CompilePredicate(spec, 0, spec.right.empty() ? -1 : 1, types);
  if (!predicate.ok()) sink.Error(at, std::string(predicate.status().message()));
  return predicate.ok();
}

}  // namespace

FieldPath ResolveOperand(const std::string& path, const SourceLocation& at, const ConditionScope& scope,
                         DiagnosticSink& sink) {
  PathResolution resolved = ResolvePath(*scope.record_type, path);
  if (resolved.path.empty()) {
    sink.Error(at, absl::StrCat("condition: ", resolved.problem), "", resolved.hint);
    return {};
  }
  if (EntersAnyValue(resolved.path)) {
    sink.Error(at, absl::StrCat("condition: \"", path, "\" is inside a google.protobuf.Any, where no condition looks"));
    return {};
  }
  if (!IsLeaf(resolved.path)) {
    sink.Error(at, absl::StrCat("condition: \"", path, "\" is a message; a condition looks at a leaf"));
    return {};
  }
  if (IsRepeated(resolved.path)) {
    sink.Error(at, absl::StrCat("condition: \"", path,
                                "\" is repeated or inside a repeated field; a condition looks at a single value"));
    return {};
  }
  const std::string reason = Forbidden(scope.catalogue->Classify(*scope.record_type, resolved.path).category, scope);
  if (!reason.empty()) {
    sink.Error(at, absl::StrCat("condition: \"", path, "\" ", reason, ": what it lets through would tell it"), "P1.4b");
    return {};
  }
  return std::move(resolved.path);
}

bool CompileCondition(const v1::Condition& condition, const SourceNode& node, const ConditionScope& scope,
                      DiagnosticSink& sink, PredicateSpec* out) {
  const auto resolve_right = [&](const std::string& path, int field_number) {
    out->right = ResolveOperand(path, node.At(field_number), scope, sink);
    return !out->right.empty();
  };
  out->left = ResolveOperand(condition.path(), node.At(v1::Condition::kPathFieldNumber), scope, sink);
  bool ok = !out->left.empty();
  int said_at = 0;
  switch (condition.predicate_case()) {
    case v1::Condition::kDiffersFromPath:
      said_at = v1::Condition::kDiffersFromPathFieldNumber;
      out->kind = Kind::kDiffersFrom;
      ok &= resolve_right(condition.differs_from_path(), said_at);
      break;
    case v1::Condition::kEqualsPath:
      said_at = v1::Condition::kEqualsPathFieldNumber;
      out->kind = Kind::kEquals;
      ok &= resolve_right(condition.equals_path(), said_at);
      break;
    case v1::Condition::kEquals:
      said_at = v1::Condition::kEqualsFieldNumber;
      out->kind = Kind::kEquals;
      out->literals = {condition.equals()};
      break;
    case v1::Condition::kOneOf:
      said_at = v1::Condition::kOneOfFieldNumber;
      out->kind = Kind::kOneOf;
      out->literals.assign(condition.one_of().values().begin(), condition.one_of().values().end());
      break;
    case v1::Condition::kPresent:
      said_at = v1::Condition::kPresentFieldNumber;
      out->kind = Kind::kPresent;
      out->present = condition.present();
      break;
    case v1::Condition::kAtLeast:
      said_at = v1::Condition::kAtLeastFieldNumber;
      out->kind = Kind::kAtLeast;
      out->at_least = condition.at_least();
      break;
    case v1::Condition::PREDICATE_NOT_SET:
      sink.Error(node.Here(), "condition: no predicate", "",
                 "set present, equals, one_of, at_least, equals_path or differs_from_path");
      return false;
  }
  return ok && TypesFit(*out, node.At(said_at), sink);
}

bool CompileImposed(const v1::ImposedCondition& imposed, const RecordType& record, PredicateSpec* out) {
  if (imposed.condition_case() != v1::ImposedCondition::kCrossBorder) return false;
  const FieldPath* origin = record.FindRole(v1::FIELD_ROLE_ORIGIN_COUNTRY);
  const FieldPath* destination = record.FindRole(v1::FIELD_ROLE_DESTINATION_COUNTRY);
  if (origin == nullptr || destination == nullptr) return false;
  out->left = *origin;
  out->right = *destination;
  out->kind = Kind::kDiffersFrom;
  out->absent_is_false = true;
  return true;
}

}  // namespace postern::policy
