#include "policy/projection/any_value.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "policy/projection/wire.h"

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
    const char* p = fragment.data();
    const char* const end = p + fragment.size();
    bool too_deep = false;
    while (p != end) {
      uint32_t tag = 0;
      p = wire::ReadTag(p, end, &tag);
      const bool is_url = tag == wire::MakeTag(kAnyTypeUrl, wire::kDelimited);
      if (!is_url && tag != wire::MakeTag(kAnyValue, wire::kDelimited)) {
        p = wire::SkipValue(tag, p, end, 0, &too_deep);
        continue;
      }
      uint64_t size = 0;
      p = wire::ReadLength(p, end, &size);
      (is_url ? any.type_url : any.value) = absl::string_view(p, size);
      p += size;
    }
  }
  return any;
}

}  // namespace postern::policy
