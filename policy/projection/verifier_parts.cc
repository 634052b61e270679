#include "policy/projection/verifier_parts.h"

#include "absl/strings/numbers.h"

namespace postern::policy {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

std::string KeyOf(const RecordView& entry, const FieldDescriptor& key) {
  if (!entry.Values(key).empty()) return TextOf(key, entry.Values(key)[0]);
  return key.type() == FieldDescriptor::TYPE_STRING ? "" : "0";
}

std::string DefaultField(const FieldDescriptor& value) {
  const std::string tag(1, static_cast<char>(value.number() << 3));
  switch (value.type()) {
    case FieldDescriptor::TYPE_STRING:
    case FieldDescriptor::TYPE_BYTES:
    case FieldDescriptor::TYPE_MESSAGE:
      return {static_cast<char>(tag[0] | 2), '\0'};
    case FieldDescriptor::TYPE_DOUBLE:
    case FieldDescriptor::TYPE_FIXED64:
    case FieldDescriptor::TYPE_SFIXED64:
      return static_cast<char>(tag[0] | 1) + std::string(8, '\0');
    case FieldDescriptor::TYPE_FLOAT:
    case FieldDescriptor::TYPE_FIXED32:
    case FieldDescriptor::TYPE_SFIXED32:
      return static_cast<char>(tag[0] | 5) + std::string(4, '\0');
    default:
      break;
  }
  auto number = static_cast<uint64_t>(value.enum_type() == nullptr ? 0 : value.default_value_enum()->number());
  std::string field = tag;
  for (; number >= 0x80; number >>= 7) field.push_back(static_cast<char>(number | 0x80));
  field.push_back(static_cast<char>(number));
  return field;
}

DateFields DateOf(const Descriptor& type, const std::vector<absl::string_view>& fragments) {
  const RecordView view(type, fragments);
  DateFields date;
  for (const auto& [name, part] : {std::pair{"seconds", &date.seconds},
                                   {"nanos", &date.nanos},
                                   {"year", &date.year},
                                   {"month", &date.month},
                                   {"day", &date.day}}) {
    const FieldDescriptor* field = type.FindFieldByName(name);
    if (field == nullptr || view.Values(*field).empty()) continue;
    if (!absl::SimpleAtoi(TextOf(*field, view.Values(*field)[0]), part)) *part = 0;
  }
  return date;
}

MoneyFields MoneyOf(const Descriptor& type, const std::vector<absl::string_view>& fragments) {
  const RecordView view(type, fragments);
  const auto last = [&](const char* name) {
    const std::vector<ViewedValue>& values = view.Values(*type.FindFieldByName(name));
    return values.empty() ? ViewedValue() : values.back();
  };
  return {std::string(last("currency_code").bytes), static_cast<int64_t>(last("units").number),
          static_cast<int32_t>(last("nanos").number)};
}

}  // namespace postern::policy
