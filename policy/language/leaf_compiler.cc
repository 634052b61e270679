#include "policy/language/leaf_compiler.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "policy/language/packed_leaves.h"
#include "policy/projection/amount.h"
#include "policy/projection/any_value.h"
#include "policy/projection/date_value.h"
#include "policy/projection/transform.h"

namespace postern::policy {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::FieldDescriptor;

constexpr size_t kLeavesInHint = 6;

TransformSpec TransformOf(const v1::FieldGrant& field) {
  switch (field.transform_case()) {
    case v1::FieldGrant::kMask:
      return field.mask();
    case v1::FieldGrant::kTruncate:
      return field.truncate();
    case v1::FieldGrant::kGeneralise:
      return field.generalise();
    case v1::FieldGrant::kPseudonymise:
      return field.pseudonymise();
    case v1::FieldGrant::kRedact:
      return field.redact();
    case v1::FieldGrant::kConstant:
      return field.constant();
    case v1::FieldGrant::TRANSFORM_NOT_SET:
      break;
  }
  return std::monostate();
}

// "grant its leaves: a.b, a.c, ..." for a path that ends at a message.
std::string LeavesHint(const std::string& path, const Descriptor& below) {
  std::vector<std::string> names;
  const LeafList list = LeavesOf(below);
  for (const FieldPath& leaf : list.leaves) {
    if (names.size() == kLeavesInHint) break;
    names.push_back(absl::StrCat(path, ".", ToDotted(leaf)));
  }
  if (names.empty()) return "";
  return absl::StrCat("grant its leaves: ", absl::StrJoin(names, ", "),
                      list.leaves.size() > names.size() ? ", ..." : "");
}

// An Any, or a field of Any itself.
bool EndsAtAny(const FieldPath& path) {
  const Descriptor* below = MessageBelow(*path.back());
  return IsAny(*path.back()->containing_type()) || (below != nullptr && IsAny(*below));
}

// A message that is one value to its transform: a date, an amount of money.
bool LeavesWhole(const Descriptor& message, const v1::FieldGrant& field) {
  return (field.generalise().has_date() && DateLayoutOf(message)) ||
         (field.generalise().has_step() && IsMoney(message));
}

// Card numbers are looked for in text. A constant replaces whatever there was.
bool CanHoldCardNumber(const FieldPath& path, const TransformSpec& transform) {
  if (std::holds_alternative<v1::Constant>(transform)) return false;
  const FieldDescriptor& last = *path.back();
  if (!last.is_map()) return last.type() == FieldDescriptor::TYPE_STRING;
  return last.message_type()->map_key()->type() == FieldDescriptor::TYPE_STRING ||
         last.message_type()->map_value()->type() == FieldDescriptor::TYPE_STRING;
}

}  // namespace

bool LeafCompiler::CheckPath(const v1::FieldGrant& field, const SourceNode& node, FieldPath* path) {
  const SourceLocation at = node.At(v1::FieldGrant::kPathFieldNumber);
  PathResolution resolved = ResolvePath(*scope_.record_type, field.path());
  if (resolved.path.empty()) {
    const std::string type = NearestPackedType(scope_.catalogue->schema(), field.path());
    sink_.Error(at, resolved.problem, "", resolved.hint.empty() ? type : resolved.hint);
    return false;
  }
  if (EndsAtAny(resolved.path)) {
    sink_.Error(at,
                absl::StrCat("\"", field.path(),
                             "\" is a google.protobuf.Any or a part of one, which never leaves without a type"),
                "P1.1a",
                "name a type that it may hold, and a field of it: any[type.googleapis.com/package.Message].field");
    return false;
  }
  const Descriptor* below = MessageBelow(*resolved.path.back());
  if (below != nullptr && !LeavesWhole(*below, field)) {
    sink_.Error(at, absl::StrCat("\"", field.path(), "\" is a message; a grant names leaves only"), "P1.4b",
                LeavesHint(field.path(), *below));
    return false;
  }
  *path = std::move(resolved.path);
  return CheckNotGrantedYet(field.path(), at);
}

bool LeafCompiler::CheckNotGrantedYet(const std::string& path, const SourceLocation& at) {
  // The path itself, a message above it, or the first granted path below it.
  auto other = granted_.find(path);
  for (size_t dot = path.rfind('.'); other == granted_.end() && dot != std::string::npos && dot > 0;
       dot = path.rfind('.', dot - 1)) {
    other = granted_.find(path.substr(0, dot));
  }
  if (other == granted_.end()) {
    const std::string below = absl::StrCat(path, ".");
    other = granted_.lower_bound(below);
    if (other != granted_.end() && !absl::StartsWith(other->first, below)) other = granted_.end();
  }
  if (other != granted_.end()) {
    sink_.Error(at, absl::StrCat("\"", path, "\" is granted already, at ", ToString(other->second)));
    return false;
  }
  granted_.emplace(path, at);
  return true;
}

bool LeafCompiler::CheckCategory(const std::string& category, const v1::FieldGrant& field, const SourceNode& node) {
  const SourceLocation at = node.At(v1::FieldGrant::kPathFieldNumber);
  const v1::DataCategory* declared = scope_.vocabulary->Category(category);
  if (declared == nullptr) {
    sink_.Error(at, absl::StrCat("\"", field.path(), "\" is not classified; what is unknown does not leave"), "P1.1a",
                "classify it in the catalogue");
    return false;
  }
  if (declared->never_disclosed()) {
    sink_.Error(at, absl::StrCat("\"", field.path(), "\" is ", category, ", which is never disclosed"),
                declared->forbidden_by());
    return false;
  }
  if (scope_.inbound) return CheckInboundCategory(category, field, node);
  const v1::Ceiling& ceiling = *scope_.ceiling;
  const v1::CeilingCategory* allowed = Vocabulary::Under(ceiling, category);
  if (allowed == nullptr) {
    sink_.Error(at,
                absl::StrCat("\"", field.path(), "\" is ", category, ", which a ", ceiling.partner_kind(),
                             " partner may not have for ", ceiling.purpose()),
                ClausesOf(ceiling));
    return false;
  }
  if (field.required() && !allowed->essential()) {
    sink_.Error(node.At(v1::FieldGrant::kRequiredFieldNumber),
                absl::StrCat("\"", field.path(), "\" is ", category, ", which is not essential for ", ceiling.purpose(),
                             ": it cannot be required"),
                "W5d", "remove required");
    return false;
  }
  if (allowed->pseudonymised_only() && !field.has_pseudonymise()) {
    sink_.Error(at, absl::StrCat("\"", field.path(), "\" is ", category, ", which leaves only under a pseudonym"),
                "P1.4d", "add pseudonymise {}");
    return false;
  }
  return true;
}

bool LeafCompiler::CheckInboundCategory(const std::string& category, const v1::FieldGrant& field,
                                        const SourceNode& node) {
  if (!Vocabulary::MayComeBack(*scope_.ceiling, category)) {
    sink_.Error(node.At(v1::FieldGrant::kPathFieldNumber),
                absl::StrCat("\"", field.path(), "\" is ", category, ", which may not come back for ",
                             scope_.ceiling->purpose()),
                "W1.2c");
    return false;
  }
  if (field.has_pseudonymise()) {
    sink_.Error(node.At(v1::FieldGrant::kPseudonymiseFieldNumber),
                "a pseudonym is the partner's: nothing that comes back has one");
    return false;
  }
  return true;
}

int LeafCompiler::ConsentIndex(const std::string& key) {
  auto it = std::find(consents_.begin(), consents_.end(), key);
  if (it == consents_.end()) it = consents_.insert(it, key);
  return static_cast<int>(it - consents_.begin());
}

bool LeafCompiler::Impose(const std::string& category, const SourceNode& node, LeafSpec* leaf) {
  leaf->withheld_from_minors |= scope_.vocabulary->WithheldFromMinors(category);
  // A leaf refers to one consent: its category's, which is the narrower. The purpose's is asked for the whole
  // disclosure as well.
  if (scope_.vocabulary->CategoryConsent(category) != nullptr) {
    leaf->consent = ConsentIndex(absl::StrCat("category:", category));
  } else if (leaf->consent < 0 && scope_.vocabulary->ConsentRequired(*scope_.ceiling)) {
    leaf->consent = ConsentIndex(absl::StrCat("purpose:", scope_.ceiling->purpose()));
  }
  for (const v1::ImposedCondition* imposed : scope_.vocabulary->ImposedOn(category)) {
    PredicateSpec predicate;
    if (!CompileImposed(*imposed, *record_, &predicate)) {
      sink_.Error(node.At(v1::FieldGrant::kPathFieldNumber),
                  absl::StrCat(category, " leaves only across a border, and ", scope_.record_type->full_name(),
                               " does not say where goods come from and go to"),
                  ClausesOf(*imposed),
                  "give fields the roles FIELD_ROLE_ORIGIN_COUNTRY and FIELD_ROLE_DESTINATION_COUNTRY");
      return false;
    }
    leaf->when.push_back(std::move(predicate));
  }
  return true;
}

bool LeafCompiler::CheckRequired(const LeafSpec& leaf, const SourceNode& node) {
  const bool minors = leaf.withheld_from_minors && !(record_ != nullptr && record_->adult_only);
  if (!leaf.required || (leaf.when.empty() && !minors && leaf.consent < 0)) return true;
  sink_.Error(node.At(v1::FieldGrant::kRequiredFieldNumber),
              "a field that a condition, a minor's protection or a missing consent may withhold cannot be required",
              "W5d", "remove required");
  return false;
}

bool LeafCompiler::CheckIsText(const FieldPath& country, const SourceLocation& at) {
  if (country.back()->type() == FieldDescriptor::TYPE_STRING) return true;
  sink_.Error(at, absl::StrCat("the country \"", ToDotted(country), "\" is not a string"));
  return false;
}

std::optional<LeafSpec> LeafCompiler::Compile(const v1::FieldGrant& field, const SourceNode& node) {
  LeafSpec leaf;
  if (!CheckPath(field, node, &leaf.path)) return std::nullopt;
  leaf.required = field.required();
  leaf.transform = TransformOf(field);
  bool ok = true;
  if (const absl::Status fits = CheckTransform(*leaf.path.back(), leaf.transform); !fits.ok()) {
    const auto* set =
        field.GetReflection()->GetOneofFieldDescriptor(field, v1::FieldGrant::descriptor()->oneof_decl(0));
    sink_.Error(node.At(set == nullptr ? v1::FieldGrant::kPathFieldNumber : set->number()),
                absl::StrCat("\"", field.path(), "\": ", std::string(fits.message())));
    ok = false;
  }
  if (ok && field.generalise().has_postcode()) {
    using Generalise = v1::Generalise;
    const SourceNode postcode =
        node.Child(v1::FieldGrant::kGeneraliseFieldNumber).Child(Generalise::kPostcodeFieldNumber);
    leaf.country = ResolveOperand(field.generalise().postcode().country_path(),
                                  postcode.At(Generalise::Postcode::kCountryPathFieldNumber), scope_, sink_);
    ok = !leaf.country.empty() && CheckIsText(leaf.country, postcode.At(Generalise::Postcode::kCountryPathFieldNumber));
  }
  for (int i = 0; i < field.when_size(); ++i) {
    PredicateSpec predicate;
    if (CompileCondition(field.when(i), node.Child(v1::FieldGrant::kWhenFieldNumber, i), scope_, sink_, &predicate)) {
      leaf.when.push_back(std::move(predicate));
    } else {
      ok = false;
    }
  }
  for (const std::string& category : scope_.catalogue->CategoriesOf(*scope_.record_type, leaf.path)) {
    ok = ok && CheckCategory(category, field, node) && (record_ == nullptr || Impose(category, node, &leaf));
  }
  leaf.free_text = scope_.catalogue->Classify(*scope_.record_type, leaf.path).free_text;
  if (CanHoldCardNumber(leaf.path, leaf.transform)) {
    const v1::CardNumberRule& rule = scope_.vocabulary->policy().card_numbers();
    leaf.on_card_number = leaf.free_text ? rule.free_text() : rule.structured();
  }
  if (!ok || !CheckRequired(leaf, node)) return std::nullopt;
  return leaf;
}

}  // namespace postern::policy
