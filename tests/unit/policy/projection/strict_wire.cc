#include "tests/unit/policy/projection/strict_wire.h"

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/stubs/common.h>

namespace postern::policy::testing {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

bool TakeMinimal(absl::string_view* in, uint64_t* value) {
  CodedInputStream stream(reinterpret_cast<const uint8_t*>(in->data()), static_cast<int>(in->size()));
  if (!stream.ReadVarint64(value)) return false;
  const auto taken = static_cast<size_t>(stream.CurrentPosition());
  if (taken != CodedOutputStream::VarintSize64(*value)) return false;
  if (taken == 10 && (*in)[9] != 1) return false;
  in->remove_prefix(taken);
  return true;
}

bool IsUtf8(absl::string_view text) {
  return google::protobuf::internal::IsStructurallyValidUTF8(text.data(), static_cast<int>(text.size()));
}

bool IsVarint(FieldDescriptor::Type type) {
  switch (type) {
    case FieldDescriptor::TYPE_DOUBLE:
    case FieldDescriptor::TYPE_FLOAT:
    case FieldDescriptor::TYPE_FIXED32:
    case FieldDescriptor::TYPE_FIXED64:
    case FieldDescriptor::TYPE_SFIXED32:
    case FieldDescriptor::TYPE_SFIXED64:
      return false;
    default:
      return true;
  }
}

// `type` is null inside of a group that is not declared. Returns false, too, if the bytes do not end where they should.
bool Walk(const Descriptor* type, int group, absl::string_view* in) {
  while (!in->empty()) {
    uint64_t tag, value;
    if (!TakeMinimal(in, &tag) || tag > UINT32_MAX) return false;
    const int number = static_cast<int>(tag >> 3);
    const FieldDescriptor* field = type == nullptr ? nullptr : type->FindFieldByNumber(number);
    switch (tag & 7) {
      case 0:
        if (!TakeMinimal(in, &value)) return false;
        break;
      case 1:
      case 5:
        if (in->size() < ((tag & 7) == 1 ? 8u : 4u)) return false;
        in->remove_prefix((tag & 7) == 1 ? 8 : 4);
        break;
      case 2: {
        if (!TakeMinimal(in, &value) || value > in->size()) return false;
        absl::string_view inner = in->substr(0, value);
        in->remove_prefix(value);
        if (field == nullptr) break;
        if (field->type() == FieldDescriptor::TYPE_STRING && field->options().deprecated() && !IsUtf8(inner))
          return false;
        if (field->type() == FieldDescriptor::TYPE_MESSAGE) {
          if (!Walk(field->message_type(), 0, &inner)) return false;
        } else if (field->is_packable() && IsVarint(field->type())) {
          while (!inner.empty()) {
            if (!TakeMinimal(&inner, &value)) return false;
          }
        }
        break;
      }
      case 3:
        if (!Walk(field != nullptr && field->type() == FieldDescriptor::TYPE_GROUP ? field->message_type() : nullptr,
                  number, in))
          return false;
        break;
      case 4:
        return group == number;
      default:
        return false;
    }
  }
  return group == 0;
}

}  // namespace

bool IsStrict(const Descriptor& type, absl::string_view bytes) {
  return Walk(&type, 0, &bytes);
}

}  // namespace postern::policy::testing
