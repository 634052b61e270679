#include "policy/projection/record_view.h"

#include <cstring>

#include <google/protobuf/descriptor.pb.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace postern::policy {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;

enum WireType { kVarint = 0, kEightBytes = 1, kDelimited = 2, kStart = 3, kEnd = 4, kFourBytes = 5 };

bool TakeVarint(absl::string_view* in, uint64_t* value) {
  *value = 0;
  for (int i = 0; i < 10 && !in->empty(); ++i) {
    const auto byte = static_cast<uint8_t>(in->front());
    in->remove_prefix(1);
    *value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) return true;
  }
  return false;
}

bool TakeFixed(absl::string_view* in, size_t size, uint64_t* value) {
  if (in->size() < size) return false;
  *value = 0;
  for (size_t i = size; i-- > 0;) *value = *value << 8 | static_cast<uint8_t>((*in)[i]);
  in->remove_prefix(size);
  return true;
}

bool TakeDelimited(absl::string_view* in, absl::string_view* bytes) {
  uint64_t size;
  if (!TakeVarint(in, &size) || size > in->size()) return false;
  *bytes = in->substr(0, size);
  in->remove_prefix(size);
  return true;
}

bool TakeScalar(int wire_type, absl::string_view* in, uint64_t* value) {
  return wire_type == kVarint ? TakeVarint(in, value) : TakeFixed(in, wire_type == kEightBytes ? 8 : 4, value);
}

// Takes everything up to the end of the group that is open; *bytes is its content.
bool TakeGroup(absl::string_view* in, absl::string_view* bytes) {
  const absl::string_view whole = *in;
  int open = 1;
  while (open > 0) {
    const size_t before = whole.size() - in->size();
    uint64_t tag, ignored;
    absl::string_view skipped;
    if (!TakeVarint(in, &tag)) return false;
    switch (tag & 7) {
      case kStart:
        ++open;
        break;
      case kEnd:
        if (--open == 0) *bytes = whole.substr(0, before);
        break;
      case kDelimited:
        if (!TakeDelimited(in, &skipped)) return false;
        break;
      case kVarint:
      case kEightBytes:
      case kFourBytes:
        if (!TakeScalar(static_cast<int>(tag & 7), in, &ignored)) return false;
        break;
      default:
        return false;
    }
  }
  return true;
}

int WireTypeOf(const FieldDescriptor& field) {
  switch (field.type()) {
    case FieldDescriptor::TYPE_DOUBLE:
    case FieldDescriptor::TYPE_FIXED64:
    case FieldDescriptor::TYPE_SFIXED64:
      return kEightBytes;
    case FieldDescriptor::TYPE_FLOAT:
    case FieldDescriptor::TYPE_FIXED32:
    case FieldDescriptor::TYPE_SFIXED32:
      return kFourBytes;
    case FieldDescriptor::TYPE_GROUP:
      return kStart;
    case FieldDescriptor::TYPE_STRING:
    case FieldDescriptor::TYPE_BYTES:
    case FieldDescriptor::TYPE_MESSAGE:
      return kDelimited;
    default:
      return kVarint;
  }
}

std::string DoubleText(double value) {
  return value == 0 ? "0" : absl::StrFormat("%.17g", value);
}

}  // namespace

bool IsUnknownEnum(const FieldDescriptor& field, uint64_t number) {
  return field.type() == FieldDescriptor::TYPE_ENUM && field.file()->syntax() == FileDescriptor::SYNTAX_PROTO2 &&
         field.enum_type()->FindValueByNumber(static_cast<int>(static_cast<int32_t>(number))) == nullptr;
}

RecordView::RecordView(const Descriptor& type, const std::vector<absl::string_view>& fragments) : type_(type) {
  for (const absl::string_view fragment : fragments) valid_ = valid_ && ReadFragment(fragment);
}

const std::vector<ViewedValue>& RecordView::Values(const FieldDescriptor& field) const {
  const auto at = fields_.find(field.number());
  return at == fields_.end() ? none_ : at->second;
}

bool RecordView::ReadFragment(absl::string_view fragment) {
  while (!fragment.empty()) {
    uint64_t tag;
    if (!TakeVarint(&fragment, &tag) || tag >> 3 == 0 || tag > UINT32_MAX) return false;
    if (!ReadField(static_cast<uint32_t>(tag), &fragment)) return false;
  }
  return true;
}

bool RecordView::ReadField(uint32_t tag, absl::string_view* rest) {
  const int wire_type = static_cast<int>(tag & 7);
  ViewedValue value;
  switch (wire_type) {
    case kVarint:
    case kEightBytes:
    case kFourBytes:
      if (!TakeScalar(wire_type, rest, &value.number)) return false;
      break;
    case kDelimited:
      if (!TakeDelimited(rest, &value.bytes)) return false;
      break;
    case kStart:
      if (!TakeGroup(rest, &value.bytes)) return false;
      break;
    default:
      return false;
  }
  const FieldDescriptor* field = type_.FindFieldByNumber(static_cast<int>(tag >> 3));
  if (field == nullptr) {
    has_unknown_ = true;
  } else if (wire_type == WireTypeOf(*field)) {
    if (IsUnknownEnum(*field, value.number) && !type_.options().map_entry()) {
      has_unknown_ = true;
    } else {
      value.fragments = {value.bytes};
      Add(*field, std::move(value));
    }
  } else if (wire_type == kDelimited && field->is_packable()) {
    fields_[field->number()];
    for (absl::string_view run = value.bytes; !run.empty();) {
      ViewedValue element;
      if (!TakeScalar(WireTypeOf(*field), &run, &element.number))
        return true;  // not on a granted level, then: it reads as nothing
      if (IsUnknownEnum(*field, element.number)) {
        has_unknown_ = true;
      } else {
        Add(*field, element);
      }
    }
  } else {
    has_unknown_ = true;
  }
  return true;
}

void RecordView::Add(const FieldDescriptor& field, ViewedValue value) {
  if (const auto* oneof = field.containing_oneof()) {
    for (int i = 0; i < oneof->field_count(); ++i) {
      const int member = oneof->field(i)->number();
      if (member == field.number() || fields_.erase(member) == 0) continue;
      superseded_.insert(member);
      has_superseded_ = true;
    }
    superseded_.erase(field.number());
  }
  std::vector<ViewedValue>& values = fields_[field.number()];
  if (field.is_repeated() || values.empty()) {
    values.push_back(std::move(value));
  } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    values[0].fragments.push_back(value.bytes);
  } else {
    values[0] = std::move(value);
    has_superseded_ = true;
  }
}

std::string TextOf(const FieldDescriptor& field, const ViewedValue& value) {
  const uint64_t number = value.number;
  switch (field.type()) {
    case FieldDescriptor::TYPE_STRING:
    case FieldDescriptor::TYPE_BYTES:
      return std::string(value.bytes);
    case FieldDescriptor::TYPE_INT32:
    case FieldDescriptor::TYPE_ENUM:
    case FieldDescriptor::TYPE_SFIXED32:
      return absl::StrCat(static_cast<int32_t>(number));
    case FieldDescriptor::TYPE_INT64:
    case FieldDescriptor::TYPE_SFIXED64:
      return absl::StrCat(static_cast<int64_t>(number));
    case FieldDescriptor::TYPE_UINT32:
    case FieldDescriptor::TYPE_FIXED32:
      return absl::StrCat(static_cast<uint32_t>(number));
    case FieldDescriptor::TYPE_SINT32: {
      const auto bits = static_cast<uint32_t>(number);
      return absl::StrCat(static_cast<int32_t>((bits >> 1) ^ (~(bits & 1) + 1)));
    }
    case FieldDescriptor::TYPE_SINT64:
      return absl::StrCat(static_cast<int64_t>((number >> 1) ^ (~(number & 1) + 1)));
    case FieldDescriptor::TYPE_BOOL:
      return number != 0 ? "1" : "0";
    case FieldDescriptor::TYPE_FLOAT: {
      const auto bits = static_cast<uint32_t>(number);
      float parsed;
      std::memcpy(&parsed, &bits, sizeof(parsed));
      return DoubleText(parsed);
    }
    case FieldDescriptor::TYPE_DOUBLE: {
      double parsed;
      std::memcpy(&parsed, &number, sizeof(parsed));
      return DoubleText(parsed);
    }
    default:
      return absl::StrCat(number);
  }
}

}  // namespace postern::policy
