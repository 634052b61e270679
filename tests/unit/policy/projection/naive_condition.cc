#include "tests/unit/policy/projection/naive_condition.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace postern::policy::testing {

namespace pb = google::protobuf;

std::string ScalarText(const pb::Message& message, const pb::FieldDescriptor& field) {
  const pb::Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(reflection.GetInt32(message, &field));
    case pb::FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(reflection.GetInt64(message, &field));
    case pb::FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrCat(reflection.GetUInt32(message, &field));
    case pb::FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrCat(reflection.GetUInt64(message, &field));
    case pb::FieldDescriptor::CPPTYPE_BOOL:
      return reflection.GetBool(message, &field) ? "true" : "false";
    case pb::FieldDescriptor::CPPTYPE_ENUM:
      return absl::StrCat(reflection.GetEnumValue(message, &field));
    case pb::FieldDescriptor::CPPTYPE_STRING:
      return reflection.GetString(message, &field);
    default:
      return "";
  }
}

Found FindAt(const pb::Message& record, const FieldPath& path) {
  const pb::Message* message = &record;
  for (size_t i = 0; i < path.size(); ++i) {
    const pb::FieldDescriptor* field = message->GetDescriptor()->FindFieldByNumber(path[i]->number());
    if (i + 1 == path.size())
      return {message->GetReflection()->HasField(*message, field), ScalarText(*message, *field)};
    message = &message->GetReflection()->GetMessage(*message, field);
  }
  return {};
}

bool HoldsNaively(const PredicateSpec& spec, const pb::Message& record) {
  using Kind = PredicateSpec::Kind;
  const Found left = FindAt(record, spec.left);
  if (spec.kind == Kind::kPresent) return left.present == spec.present;
  const Found right = spec.right.empty() ? Found{true, ""} : FindAt(record, spec.right);
  if (spec.absent_is_false && (!left.present || !right.present)) return false;
  if (spec.kind == Kind::kAtLeast) {
    return left.text[0] == '-' ? std::stoll(left.text) >= spec.at_least
                               : spec.at_least <= 0 || std::stoull(left.text) >= static_cast<uint64_t>(spec.at_least);
  }
  const bool equal = spec.right.empty()
                         ? std::find(spec.literals.begin(), spec.literals.end(), left.text) != spec.literals.end()
                         : left.text == right.text;
  return equal != (spec.kind == Kind::kDiffersFrom);
}

}  // namespace postern::policy::testing
