#include "policy/language/grant_compiler.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "policy/language/leaf_compiler.h"
#include "policy/language/packed_leaves.h"
#include "policy/language/suggestion.h"
#include "policy/projection/any_value.h"

namespace postern::policy {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::FieldDescriptor;

const v1::Ceiling* FindCeiling(const std::string& purpose, const SourceLocation& at, const ContractScope& scope,
                               DiagnosticSink& sink) {
  const v1::Purpose* declared = scope.vocabulary->FindPurpose(purpose);
  if (declared == nullptr) {
    sink.Error(at, absl::StrCat("unknown purpose \"", purpose, "\""), "P1.2a",
               scope.vocabulary->NearestPurpose(purpose));
    return nullptr;
  }
  if (declared->internal()) {
    sink.Error(at, absl::StrCat("purpose \"", purpose, "\" is the shop's own and cannot be granted"),
               declared->clauses().empty() ? "P1.2a" : ClausesOf(*declared));
    return nullptr;
  }
  const v1::Ceiling* ceiling = scope.vocabulary->FindCeiling(scope.contract->partner_kind(), purpose);
  if (ceiling == nullptr) {
    sink.Error(at, absl::StrCat("a ", scope.contract->partner_kind(), " partner gets nothing for \"", purpose, "\""),
               "P1.2a");
  }
  return ceiling;
}

const RecordType* FindRecordType(const std::string& name, const SourceLocation& at, const ContractScope& scope,
                                 DiagnosticSink& sink) {
  const RecordType* record = scope.catalogue->Find(name);
  if (record != nullptr) return record;
  if (scope.catalogue->schema().FindMessage(name) != nullptr) {
    sink.Error(at, absl::StrCat("\"", name, "\" is a message, but the catalogue does not declare it a record type"),
               "P1.1a");
    return nullptr;
  }
  std::vector<std::string> names;
  for (const auto& [known, type] : scope.catalogue->record_types()) names.push_back(known);
  sink.Error(at, absl::StrCat("unknown record type \"", name, "\""), "P1.1a", DidYouMean(name, names));
  return nullptr;
}

// P1.4b: never the complete record.
void CheckNotWhole(const RecordType& record, const PlanSpec& spec, const Vocabulary& vocabulary,
                   const SourceLocation& at, DiagnosticSink& sink) {
  if (record.purpose_built) return;
  std::set<FieldPath> granted;
  for (const LeafSpec& leaf : spec.leaves) granted.insert(leaf.path);
  int personal = 0;
  for (const ClassifiedLeaf& leaf : record.leaves) {
    const v1::DataCategory* category = vocabulary.Category(leaf.classification.category);
    if (category == nullptr || !category->personal()) continue;
    ++personal;
    bool covered = false;  // by itself, or by a date granted whole above it
    for (size_t length = 1; length <= leaf.fields.size() && !covered; ++length) {
      covered =
          granted.count(FieldPath(leaf.fields.begin(), leaf.fields.begin() + static_cast<ptrdiff_t>(length))) != 0;
    }
    if (!covered) return;
  }
  if (personal == 0) return;
  sink.Error(at, absl::StrCat("the grant gives every personal field of ", record.descriptor->full_name()), "P1.4b",
             "leave out what the purpose does not need, or declare the type purpose_built");
}

// A proto2 `required` field that stays behind would make the message unreadable to the partner.
void CheckProto2Required(const PlanSpec& spec, const SourceLocation& at, DiagnosticSink& sink) {
  std::map<FieldPath, const LeafSpec*> kept;  // granted leaves, and with null the messages above them
  std::set<std::pair<FieldPath, const Descriptor*>> levels = {{{}, spec.record_type}};
  for (const LeafSpec& leaf : spec.leaves) {
    FieldPath prefix;
    for (const FieldDescriptor* field : leaf.path) {
      prefix.push_back(field);
      const bool last = prefix.size() == leaf.path.size();
      kept.emplace(prefix, last ? &leaf : nullptr);
      if (!last && field->message_type() != nullptr) levels.emplace(prefix, field->message_type());
      if (!last && IsAnyValue(*field)) levels.emplace(prefix, leaf.path[prefix.size()]->containing_type());
    }
  }
  if (spec.leaves.empty()) return;
  for (const auto& [path, message] : levels) {
    for (int i = 0; i < message->field_count(); ++i) {
      if (!message->field(i)->is_required()) continue;
      FieldPath required = path;
      required.push_back(message->field(i));
      auto it = kept.find(required);
      if (it == kept.end()) {
        sink.Error(at,
                   absl::StrCat("\"", ToDotted(required), "\" is a required field of ", message->full_name(),
                                " and is not granted: the partner could not read the message"),
                   "", "grant it, or leave the message out");
      } else if (it->second != nullptr && !it->second->required &&
                 (!it->second->when.empty() || it->second->withheld_from_minors || it->second->consent >= 0)) {
        sink.Error(at, absl::StrCat("\"", ToDotted(required), "\" is a required field of ", message->full_name(),
                                    " and may be withheld: the partner could not read the message"));
      }
    }
  }
}

std::vector<std::string> CategoriesOf(const PlanSpec& spec, const Catalogue& catalogue) {
  std::set<std::string> categories;
  for (const LeafSpec& leaf : spec.leaves) {
    for (std::string& category : catalogue.CategoriesOf(*spec.record_type, leaf.path))
      categories.insert(std::move(category));
  }
  return {categories.begin(), categories.end()};
}

// The field of the same message that `leaf` is the fraction of, and that leaves in steps; null if there is none.
const LeafSpec* SteppedWhole(const PlanSpec& spec, const LeafSpec& leaf) {
  if (leaf.path.back()->name() != "nanos") return nullptr;
  const auto whole = std::find_if(spec.leaves.begin(), spec.leaves.end(), [&leaf](const LeafSpec& other) {
    const auto* generalise = std::get_if<v1::Generalise>(&other.transform);
    const std::string& name = other.path.back()->name();
    return generalise != nullptr && generalise->has_step() && (name == "units" || name == "seconds") &&
           leaf.path.back()->containing_type() == other.path.back()->containing_type() &&
           std::equal(leaf.path.begin(), leaf.path.end() - 1, other.path.begin(), other.path.end() - 1);
  });
  return whole == spec.leaves.end() ? nullptr : &*whole;
}

// Beside whole units that leave in steps, their fraction would say more than the step lets through.
template <typename GrantMessage>
bool CheckFractions(const PlanSpec& spec, const SourceNode& node, DiagnosticSink& sink) {
  bool ok = true;
  for (size_t i = 0; i < spec.leaves.size(); ++i) {
    const LeafSpec* whole = SteppedWhole(spec, spec.leaves[i]);
    if (whole == nullptr) continue;
    const SourceNode field = node.Child(GrantMessage::kFieldsFieldNumber, static_cast<int>(i));
    sink.Error(field.At(v1::FieldGrant::kPathFieldNumber),
               absl::StrCat("\"", ToDotted(spec.leaves[i].path), "\" is the fraction of \"", ToDotted(whole->path),
                            "\", which leaves in steps: with it more leaves than the step lets through"),
               "P1.1a", "leave it out");
    ok = false;
  }
  return ok;
}

template <typename GrantMessage>
bool CompileFields(const GrantMessage& grant, const SourceNode& node, const ConditionScope& scope,
                   const RecordType* record, DiagnosticSink& sink, PlanSpec* spec) {
  LeafCompiler leaves(scope, record, sink);
  bool ok = true;
  for (int i = 0; i < grant.fields_size(); ++i) {
    std::optional<LeafSpec> leaf = leaves.Compile(grant.fields(i), node.Child(GrantMessage::kFieldsFieldNumber, i));
    ok &= leaf.has_value();
    if (leaf) spec->leaves.push_back(*std::move(leaf));
  }
  spec->consents = leaves.consents();
  for (ClassifiedLeaf& leaf : PackedLeaves(*spec, *scope.catalogue)) {
    if (leaf.classification.category.empty()) spec->unclassified.push_back(std::move(leaf.fields));
  }
  ok = ok && CheckFractions<GrantMessage>(*spec, node, sink);
  if (grant.fields().empty()) sink.Warning(node.Here(), "the grant names no field: nothing leaves under it");
  return ok;
}

// Plan and verifier, or those of an equal grant. The checks above should leave nothing for them to refuse; if they do,
// it is an error like any other.
bool Build(PlanSpec spec, std::string key, const SourceLocation& at, const ContractScope& scope, DiagnosticSink& sink,
           CompiledGrant* out) {
  const BuiltGrant* shared = scope.built->Find(key);
  BuiltGrant built;
  if (shared == nullptr) {
    auto plan = BuildPlan(spec);
    if (!plan.ok()) {
      sink.Error(at, std::string(plan.status().message()));
      return false;
    }
    auto verifier = Verifier::Create(spec);
    if (!verifier.ok()) {
      sink.Error(at, std::string(verifier.status().message()));
      return false;
    }
    built = {std::make_shared<const PlanSpec>(std::move(spec)), *std::move(plan), *std::move(verifier)};
    scope.built->Add(std::move(key), built);
  }
  const BuiltGrant& parts = shared == nullptr ? built : *shared;
  out->location = at;
  out->spec = parts.spec;
  out->plan = parts.plan;
  out->verifier = parts.verifier;
  return true;
}

}  // namespace

std::optional<CompiledGrant> CompileGrant(const v1::Grant& grant, const SourceNode& node, const ContractScope& scope,
                                          DiagnosticSink& sink) {
  const int errors_before = sink.error_count();
  if (grant.justification().empty()) {
    sink.Error(node.Here(), "the grant has no justification", "P1.1a", "say why the partner needs these fields");
  }
  const v1::Ceiling* ceiling = FindCeiling(grant.purpose(), node.At(v1::Grant::kPurposeFieldNumber), scope, sink);
  const RecordType* record =
      FindRecordType(grant.record_type(), node.At(v1::Grant::kRecordTypeFieldNumber), scope, sink);
  if (ceiling == nullptr || record == nullptr) return std::nullopt;

  PlanSpec spec;
  spec.record_type = record->descriptor;
  spec.roles = record->roles;
  spec.unclassified = record->unclassified;
  spec.adult_only = record->adult_only;
  spec.majority_age = scope.vocabulary->policy().minors().majority_age();
  const ConditionScope conditions = {record->descriptor, scope.catalogue, scope.vocabulary, ceiling, false};
  if (!CompileFields(grant, node, conditions, record, sink, &spec)) return std::nullopt;
  CheckNotWhole(*record, spec, *scope.vocabulary, node.Here(), sink);
  CheckProto2Required(spec, node.Here(), sink);
  if (sink.error_count() != errors_before) return std::nullopt;

  CompiledGrant compiled;
  compiled.purpose = grant.purpose();
  compiled.record_type = grant.record_type();
  compiled.justification = grant.justification();
  compiled.categories = CategoriesOf(spec, *scope.catalogue);
  compiled.consent_required = scope.vocabulary->ConsentRequired(*ceiling);
  v1::Grant said = grant;
  said.clear_justification();
  std::string key = BuiltGrants::KeyOf(said, *ceiling);
  if (!Build(std::move(spec), std::move(key), node.Here(), scope, sink, &compiled)) return std::nullopt;
  return compiled;
}

std::optional<CompiledGrant> CompileInbound(const v1::InboundGrant& grant, const SourceNode& node,
                                            const ContractScope& scope, DiagnosticSink& sink) {
  const int errors_before = sink.error_count();
  const SourceLocation purpose_at = node.At(v1::InboundGrant::kPurposeFieldNumber);
  const v1::Ceiling* ceiling = FindCeiling(grant.purpose(), purpose_at, scope, sink);
  const auto& grants = scope.contract->grants();
  if (ceiling != nullptr && std::none_of(grants.begin(), grants.end(), [&grant](const v1::Grant& outbound) {
        return outbound.purpose() == grant.purpose();
      })) {
    sink.Error(purpose_at,
               absl::StrCat("nothing is granted for \"", grant.purpose(), "\", so nothing can come back for it"),
               "P1.2a");
  }
  const Descriptor* message = scope.catalogue->schema().FindMessage(grant.record_type());
  if (message == nullptr) {
    std::vector<std::string> names;
    for (const Descriptor* known : scope.catalogue->schema().messages()) names.push_back(known->full_name());
    sink.Error(node.At(v1::InboundGrant::kRecordTypeFieldNumber),
               absl::StrCat("unknown message type \"", grant.record_type(), "\""), "W1.2c",
               DidYouMean(grant.record_type(), names));
  }
  if (ceiling == nullptr || message == nullptr) return std::nullopt;

  PlanSpec spec;
  spec.record_type = message;
  spec.roles_required = false;
  spec.adult_only = true;  // minors' protection is about what leaves
  for (const ClassifiedLeaf& leaf : scope.catalogue->ClassifiedLeaves(*message)) {
    if (leaf.classification.category.empty()) spec.unclassified.push_back(leaf.fields);
  }
  const ConditionScope conditions = {message, scope.catalogue, scope.vocabulary, ceiling, true};
  if (!CompileFields(grant, node, conditions, nullptr, sink, &spec)) return std::nullopt;
  CheckProto2Required(spec, node.Here(), sink);
  if (sink.error_count() != errors_before) return std::nullopt;

  CompiledGrant compiled;
  compiled.purpose = grant.purpose();
  compiled.record_type = grant.record_type();
  compiled.categories = CategoriesOf(spec, *scope.catalogue);
  std::string key = BuiltGrants::KeyOf(grant, *ceiling);
  if (!Build(std::move(spec), std::move(key), node.Here(), scope, sink, &compiled)) return std::nullopt;
  return compiled;
}

}  // namespace postern::policy
