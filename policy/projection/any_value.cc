#include "policy/projection/any_value.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "policy/projection/delimited_fields.h"

namespace postern::policy {

bool IsAny(const google::protobuf::Descriptor& type) {
  return type.full_name() == "google.protobuf.Any";
}

bool HasAnyForm(const google::protobuf::Descriptor& type) {
  using google::protobuf::FieldDescriptor;
  const auto is = [&type](int number, FieldDescriptor::Type kind) {
    const FieldDescriptor* field = type.FindFieldByNumber(number);
    return field != nullptr && field->type() == kind && !field->is_repeated() && field->containing_oneof() == nullptr;
  };
  return IsAny(type) && is(kAnyTypeUrl, FieldDescriptor::TYPE_STRING) && is(kAnyValue, FieldDescriptor::TYPE_BYTES);
}

bool IsAnyValue(const google::protobuf::FieldDescriptor& field) {
  return field.number() == kAnyValue && IsAny(*field.containing_type());
}

bool EntersAnyValue(const FieldPath& path) {
  return std::any_of(path.begin(), path.end(), [](const auto* field) { return IsAnyValue(*field); });
}

std::string TypeUrlOf(const google::protobuf::Descriptor& type) {
  return absl::StrCat(kTypeUrlPrefix, type.full_name());
}

AnyParts ReadAny(absl::Span<const absl::string_view> fragments) {
  AnyParts any;
  for (const absl::string_view fragment : fragments) {
    ForEachDelimited(fragment, [&any](uint32_t number, absl::string_view content) {
      if (number == kAnyTypeUrl) any.type_url = content;
      if (number == kAnyValue) any.value = content;
    });
  }
  return any;
}

}  // namespace postern::policy
