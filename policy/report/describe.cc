#include "policy/report/describe.h"

#include <algorithm>

#include <google/protobuf/text_format.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace postern::policy {
namespace {

using ::google::protobuf::FieldDescriptor;

// Text of a message on one line, the same in every process: DebugString may add noise.
std::string OneLine(const google::protobuf::Message& message) {
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  std::string text;
  printer.PrintToString(message, &text);
  return std::string(absl::StripAsciiWhitespace(text));
}

struct Name {
  std::string operator()(std::monostate) const { return ""; }
  std::string operator()(const v1::Mask& m) const { return With("mask", m); }
  std::string operator()(const v1::Truncate& m) const { return With("truncate", m); }
  std::string operator()(const v1::Generalise& m) const { return With("generalise", m); }
  std::string operator()(const v1::Pseudonymise& m) const { return With("pseudonymise", m); }
  std::string operator()(const v1::Redact& m) const { return With("redact", m); }
  std::string operator()(const v1::Constant& m) const { return With("constant", m); }

  static std::string With(const char* name, const google::protobuf::Message& message) {
    const std::string inner = OneLine(message);
    return inner.empty() ? absl::StrCat(name, " {}") : absl::StrCat(name, " { ", inner, " }");
  }
};

std::string ScalarText(const FieldDescriptor& field) {
  if (field.enum_type() != nullptr) return field.enum_type()->full_name();
  if (field.message_type() != nullptr) return field.message_type()->full_name();
  return field.type_name();
}

}  // namespace

std::string TransformText(const TransformSpec& transform) {
  return std::visit(Name{}, transform);
}

std::string PredicateText(const PredicateSpec& predicate) {
  using Kind = PredicateSpec::Kind;
  const std::string left = ToDotted(predicate.left);
  const std::string literals = absl::StrJoin(predicate.literals, ", ");
  switch (predicate.kind) {
    case Kind::kDiffersFrom:
      if (predicate.absent_is_false)
        return absl::StrCat(left, " and ", ToDotted(predicate.right), " are known and differ");
      return absl::StrCat(left, " differs from ", predicate.right.empty() ? literals : ToDotted(predicate.right));
    case Kind::kEquals:
      return absl::StrCat(left, " equals ", predicate.right.empty() ? literals : ToDotted(predicate.right));
    case Kind::kOneOf:
      return absl::StrCat(left, " is one of ", literals);
    case Kind::kPresent:
      return absl::StrCat(left, predicate.present ? " is present" : " is absent");
    case Kind::kAtLeast:
      return absl::StrCat(left, " is at least ", predicate.at_least);
  }
  return left;
}

std::vector<std::string> PredicateTexts(const LeafSpec& leaf) {
  std::vector<std::string> texts;
  for (const PredicateSpec& predicate : leaf.when) texts.push_back(PredicateText(predicate));
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  return texts;
}

std::string TypeText(const FieldDescriptor& field) {
  if (field.is_map()) {
    return absl::StrCat("map<", ScalarText(*field.message_type()->map_key()), ", ",
                        ScalarText(*field.message_type()->map_value()), ">");
  }
  return absl::StrCat(field.is_repeated() ? "repeated " : "", ScalarText(field));
}

std::string RoleText(v1::FieldRole role) {
  return absl::AsciiStrToLower(absl::StripPrefix(v1::FieldRole_Name(role), "FIELD_ROLE_"));
}

const LeafSpec* FindLeaf(const PlanSpec& spec, const FieldPath& path) {
  for (const LeafSpec& leaf : spec.leaves) {
    if (leaf.path.size() <= path.size() && std::equal(leaf.path.begin(), leaf.path.end(), path.begin())) return &leaf;
  }
  return nullptr;
}

}  // namespace postern::policy
