#include <google/protobuf/text_format.h>

#include "absl/strings/str_cat.h"
#include "tests/unit/policy/projection/random_case.h"

namespace postern::policy::testing {
namespace {

namespace pb = google::protobuf;
using Proto = pb::FieldDescriptorProto;

constexpr Proto::Type kScalars[] = {
    Proto::TYPE_DOUBLE,  Proto::TYPE_FLOAT,    Proto::TYPE_INT64,    Proto::TYPE_UINT64, Proto::TYPE_INT32,
    Proto::TYPE_FIXED64, Proto::TYPE_FIXED32,  Proto::TYPE_BOOL,     Proto::TYPE_STRING, Proto::TYPE_BYTES,
    Proto::TYPE_UINT32,  Proto::TYPE_SFIXED32, Proto::TYPE_SFIXED64, Proto::TYPE_SINT32, Proto::TYPE_SINT64,
    Proto::TYPE_ENUM,    Proto::TYPE_STRING,   Proto::TYPE_STRING};
constexpr Proto::Type kKeys[] = {Proto::TYPE_STRING,  Proto::TYPE_INT32, Proto::TYPE_SINT64,
                                 Proto::TYPE_FIXED32, Proto::TYPE_BOOL,  Proto::TYPE_UINT64};

constexpr char kDates[] = R"pb(
  message_type {
    name: "Timestamp"
    field { name: "seconds" number: 1 type: TYPE_INT64 label: LABEL_OPTIONAL }
    field { name: "nanos" number: 2 type: TYPE_INT32 label: LABEL_OPTIONAL }
  }
  message_type {
    name: "Date"
    field { name: "year" number: 1 type: TYPE_INT32 label: LABEL_OPTIONAL }
    field { name: "month" number: 2 type: TYPE_INT32 label: LABEL_OPTIONAL }
    field { name: "day" number: 3 type: TYPE_INT32 label: LABEL_OPTIONAL }
    field { name: "note" number: 4 type: TYPE_STRING label: LABEL_OPTIONAL }
  }
  enum_type {
    name: "Kind"
    value { name: "ZERO" number: 0 }
    value { name: "ONE" number: 1 }
    value { name: "MINUS" number: -2 }
    value { name: "BIG" number: 70000 }
  })pb";

// Few small numbers, so that random bytes hit them, and some of two and five bytes.
int NumberAt(int index, uint64_t random) {
  if (random % 10 == 0) return 536870000 + index;
  if (random % 10 == 1) return 16 + index * 37;
  return index + 1;
}

}  // namespace

std::unique_ptr<TestSchema> RandomCase::Schema() {
  pb::FileDescriptorProto file;
  if (!pb::TextFormat::ParseFromString(kDates, &file)) std::abort();
  const bool proto3 = Chance(50);
  file.set_name("random.proto");
  file.add_dependency("google/protobuf/any.proto");
  file.add_dependency("google/type/money.proto");
  file.add_dependency("google/type/decimal.proto");
  file.set_syntax(proto3 ? "proto3" : "proto2");
  const int messages = 2 + static_cast<int>(Below(3));
  for (int i = 0; i < messages; ++i) {
    pb::DescriptorProto* message = file.add_message_type();
    message->set_name(absl::StrCat("M", i));
    AddFields(messages, proto3, message);
  }
  return std::make_unique<TestSchema>(file);
}

void RandomCase::AddFields(int messages, bool proto3, pb::DescriptorProto* message) {
  const int count = 3 + static_cast<int>(Below(8));
  // Members of a oneof stand together.
  const int first_member = Chance(60) ? static_cast<int>(Below(static_cast<uint64_t>(count))) : count;
  const int last_member = first_member + 2;
  bool declared = false;
  std::vector<int> optional;
  for (int i = 0; i < count; ++i) {
    const int number = NumberAt(i, Below(10));
    const bool member = i >= first_member && i <= last_member;
    if (!member && Chance(12)) {
      AddMap(i, number, messages, message);
      continue;
    }
    Proto* field = message->add_field();
    field->set_name(absl::StrCat("f", i));
    field->set_number(number);
    field->set_label(!member && Chance(30) ? Proto::LABEL_REPEATED : Proto::LABEL_OPTIONAL);
    const uint64_t kind = Below(100);
    if (kind < 25) {
      field->set_type(Proto::TYPE_MESSAGE);
      field->set_type_name(absl::StrCat(".M", Below(static_cast<uint64_t>(messages))));
    } else if (kind < 35) {
      field->set_type(Proto::TYPE_MESSAGE);
      field->set_type_name(Chance(50) ? ".Timestamp" : ".Date");
    } else if (kind < 41) {
      field->set_type(Proto::TYPE_MESSAGE);
      field->set_type_name(Chance(60)   ? ".google.protobuf.Any"
                           : Chance(60) ? ".google.type.Money"
                                        : ".google.type.Decimal");
    } else if (kind < 48 && !proto3) {
      pb::DescriptorProto* group = message->add_nested_type();
      group->set_name(absl::StrCat("F", i));
      field->set_type(Proto::TYPE_GROUP);
      field->set_type_name(absl::StrCat(".", message->name(), ".F", i));
      for (int j = 0; j < 2; ++j) {
        Proto* inner = group->add_field();
        inner->set_name(absl::StrCat("g", j));
        inner->set_number(j + 1);
        inner->set_label(Proto::LABEL_OPTIONAL);
        inner->set_type(j == 0 ? Proto::TYPE_STRING : Proto::TYPE_INT32);
      }
    } else {
      field->set_type(kScalars[Below(std::size(kScalars))]);
      if (field->type() == Proto::TYPE_ENUM) field->set_type_name(".Kind");
      const bool packable = field->type() != Proto::TYPE_STRING && field->type() != Proto::TYPE_BYTES;
      if (field->label() == Proto::LABEL_REPEATED && packable && Chance(50))
        field->mutable_options()->set_packed(Chance(50));
      if (!member && proto3 && field->label() == Proto::LABEL_OPTIONAL && Chance(30))
        optional.push_back(message->field_size() - 1);
    }
    if (member) {
      if (!declared) message->add_oneof_decl()->set_name("choice");
      declared = true;
      field->set_oneof_index(0);
    }
  }
  for (const int index : optional) {
    Proto* field = message->mutable_field(index);
    field->set_proto3_optional(true);
    field->set_oneof_index(message->oneof_decl_size());
    message->add_oneof_decl()->set_name(absl::StrCat("_", field->name()));
  }
}

void RandomCase::AddMap(int index, int number, int messages, pb::DescriptorProto* message) {
  pb::DescriptorProto* entry = message->add_nested_type();
  entry->set_name(absl::StrCat("F", index, "Entry"));
  entry->mutable_options()->set_map_entry(true);
  for (const char* name : {"key", "value"}) {
    Proto* field = entry->add_field();
    field->set_name(name);
    field->set_number(entry->field_size());
    field->set_label(Proto::LABEL_OPTIONAL);
  }
  entry->mutable_field(0)->set_type(Chance(60) ? Proto::TYPE_STRING : kKeys[Below(std::size(kKeys))]);
  Proto* value = entry->mutable_field(1);
  if (Chance(30)) {
    value->set_type(Proto::TYPE_MESSAGE);
    value->set_type_name(Chance(80)   ? absl::StrCat(".M", Below(static_cast<uint64_t>(messages)))
                         : Chance(60) ? ".google.protobuf.Any"
                                      : ".google.type.Money");
  } else {
    value->set_type(kScalars[Below(std::size(kScalars))]);
    if (value->type() == Proto::TYPE_ENUM) value->set_type_name(".Kind");
  }
  Proto* field = message->add_field();
  field->set_name(absl::StrCat("f", index));
  field->set_number(number);
  field->set_label(Proto::LABEL_REPEATED);
  field->set_type(Proto::TYPE_MESSAGE);
  field->set_type_name(absl::StrCat(".", message->name(), ".F", index, "Entry"));
}

}  // namespace postern::policy::testing
