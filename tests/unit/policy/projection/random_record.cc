#include <algorithm>
#include <functional>
#include <map>

#include <google/protobuf/io/coded_stream.h>

#include "absl/strings/str_cat.h"
#include "policy/projection/amount.h"
#include "policy/projection/any_value.h"
#include "tests/unit/policy/projection/random_case.h"

namespace postern::policy::testing {
namespace {

namespace pb = google::protobuf;

std::string Tag(int number, int wire_type) {
  return Varint(static_cast<uint64_t>(number) << 3 | static_cast<uint64_t>(wire_type));
}

bool SplitFrom(pb::io::CodedInputStream* in, const std::string& bytes, int group, std::vector<RawField>* fields) {
  const auto at = [&] { return static_cast<size_t>(in->CurrentPosition()); };
  while (at() < bytes.size()) {
    const size_t start = at();
    const uint32_t tag = in->ReadTag();
    RawField field;
    field.number = static_cast<int>(tag >> 3);
    field.wire_type = static_cast<int>(tag & 7);
    uint64_t value = 0;
    uint32_t value32 = 0;
    if (tag == 0) return false;
    if (field.wire_type == 4) return field.number == group;
    if (field.wire_type == 0 && !in->ReadVarint64(&value)) return false;
    if (field.wire_type == 1 && !in->ReadLittleEndian64(&value)) return false;
    if (field.wire_type == 5 && !in->ReadLittleEndian32(&value32)) return false;
    if (field.wire_type == 2 && (!in->ReadVarint32(&value32) || value32 > bytes.size() ||
                                 !in->ReadString(&field.content, static_cast<int>(value32)))) {
      return false;
    }
    if (field.wire_type == 3) {
      const size_t inside = at();
      std::vector<RawField> ignored;
      if (!SplitFrom(in, bytes, field.number, &ignored)) return false;
      field.content = bytes.substr(inside, at() - inside - Tag(field.number, 4).size());
    }
    if (field.wire_type > 5) return false;
    field.bytes = bytes.substr(start, at() - start);
    const std::string tag_bytes = Tag(field.number, field.wire_type);
    field.minimal = field.wire_type == 0   ? field.bytes == tag_bytes + Varint(value)
                    : field.wire_type == 2 ? field.bytes == BytesField(field.number, field.content)
                    : field.wire_type == 3 ? field.bytes == tag_bytes + field.content + Tag(field.number, 4)
                                           : field.bytes.compare(0, tag_bytes.size(), tag_bytes) == 0;
    fields->push_back(field);
  }
  return group == 0;
}

}  // namespace

bool SplitFields(const std::string& bytes, std::vector<RawField>* fields) {
  fields->clear();
  pb::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()), static_cast<int>(bytes.size()));
  return SplitFrom(&in, bytes, 0, fields);
}

namespace {

// The message with the entries of maps from text in order of key, each key once, as a deterministic serialiser writes
// them.
std::string WithSortedMaps(const pb::Descriptor& type, const std::string& bytes) {
  std::vector<RawField> fields;
  if (!SplitFields(bytes, &fields)) return bytes;
  std::map<int, std::map<std::string, std::string>> by_number;  // by key, or place
  for (const RawField& raw : fields) {
    auto& values = by_number[raw.number];
    const pb::FieldDescriptor* field = type.FindFieldByNumber(raw.number);
    std::string key = absl::StrCat(1000000 + values.size());
    std::string value = raw.bytes;
    if (field != nullptr && field->type() == pb::FieldDescriptor::TYPE_MESSAGE && raw.wire_type == 2) {
      value = BytesField(raw.number, WithSortedMaps(*field->message_type(), raw.content));
      std::vector<RawField> entry;
      if (field->is_map() && SplitFields(raw.content, &entry) && !entry.empty()) key = entry[0].content;
    }
    values[key] = value;
  }
  std::string out;
  for (const auto& [number, values] : by_number) {
    for (const auto& [key, value] : values) out += value;
  }
  return out;
}

}  // namespace

std::string RandomCase::Text() {
  static const char* const kTexts[] = {"",
                                       "1",
                                       "a",
                                       "2026-06-15",
                                       "1999-12-31",
                                       "2026-02-30",
                                       "\xe4\xb8\xad\xe6\x96\x87\xe5\xad\x97",
                                       "caf\xc3\xa9",
                                       "\xf0\x9f\x98\x80 ok",
                                       "some longer text than that",
                                       "-20.5",
                                       "1234.00",
                                       ".",
                                       "\xd0\x9c\xd0\xb8\xd1\x80"};
  if (Chance(3)) return "\xff\xfe";  // no UTF-8
  if (Chance(5)) return std::string(130 + Below(200), 'x');
  return kTexts[Below(std::size(kTexts))];
}

uint64_t RandomCase::Number() {
  switch (Below(6)) {
    case 0:
      return 0;
    case 1:
      return 1;
    case 2:
      return Below(300);
    case 3:
      return static_cast<uint64_t>(-static_cast<int64_t>(Below(300)));
    case 4:
      return 1700000000 + Below(100000000);
    default:
      return random_();
  }
}

void RandomCase::FillField(const FieldDescriptor& field, int depth, pb::Message* message) {
  const pb::Reflection& reflection = *message->GetReflection();
  const int count = field.is_repeated() ? static_cast<int>(Below(4)) : 1;
  for (int i = 0; i < count; ++i) {
    const bool repeated = field.is_repeated();
    switch (field.cpp_type()) {
#define POSTERN_FILL(TYPE, NAME, VALUE)                                                                     \
  case FieldDescriptor::CPPTYPE_##TYPE:                                                                     \
    repeated ? reflection.Add##NAME(message, &field, VALUE) : reflection.Set##NAME(message, &field, VALUE); \
    break;
      POSTERN_FILL(INT32, Int32, static_cast<int32_t>(Number()))
      POSTERN_FILL(INT64, Int64, static_cast<int64_t>(Number()))
      POSTERN_FILL(UINT32, UInt32, static_cast<uint32_t>(Number()))
      POSTERN_FILL(UINT64, UInt64, Number())
      POSTERN_FILL(BOOL, Bool, Chance(50))
      POSTERN_FILL(FLOAT, Float, Chance(20) ? -0.0f : static_cast<float>(static_cast<int64_t>(Number())) / 7)
      POSTERN_FILL(DOUBLE, Double, Chance(20) ? -0.0 : static_cast<double>(static_cast<int64_t>(Number())) / 7)
      POSTERN_FILL(STRING, String, Text())
#undef POSTERN_FILL
      case FieldDescriptor::CPPTYPE_ENUM: {
        const auto* value =
            field.enum_type()->value(static_cast<int>(Below(static_cast<uint64_t>(field.enum_type()->value_count()))));
        repeated ? reflection.AddEnum(message, &field, value) : reflection.SetEnum(message, &field, value);
        break;
      }
      case FieldDescriptor::CPPTYPE_MESSAGE:
        Fill(repeated ? reflection.AddMessage(message, &field) : reflection.MutableMessage(message, &field), depth + 1);
        break;
    }
  }
}

void RandomCase::FillAny(int depth, pb::Message* any) {
  const Descriptor& type = AnyMessageOf(*any->GetDescriptor());
  const pb::Reflection& reflection = *any->GetReflection();
  const std::unique_ptr<pb::Message> held(reflection.GetMessageFactory()->GetPrototype(&type)->New());
  // Other people's schemas may have nothing to hold but another Any.
  if (depth <= 4 || !IsAny(type)) Fill(held.get(), depth + 1);
  std::string value = held->SerializePartialAsString();
  if (Chance(50)) value = Shuffle(type, value, depth);
  if (Chance(5)) value += "\x0f";
  static const char* const kOtherUrls[] = {"", "M0", "example.com/M0", "type.googleapis.com/M9", "\xff"};
  const std::string url = Chance(85) ? TypeUrlOf(type) : kOtherUrls[Below(std::size(kOtherUrls))];
  reflection.SetString(any, any->GetDescriptor()->FindFieldByNumber(kAnyTypeUrl), url);
  if (Chance(95)) reflection.SetString(any, any->GetDescriptor()->FindFieldByNumber(kAnyValue), value);
}

void RandomCase::FillMoney(pb::Message* money) {
  const Descriptor& type = *money->GetDescriptor();
  const pb::Reflection& reflection = *money->GetReflection();
  const auto units = static_cast<int64_t>(Number());
  const auto nanos = static_cast<int32_t>(Chance(90) ? Below(1000000000) : Number());
  if (Chance(80)) reflection.SetString(money, type.FindFieldByNumber(kMoneyCurrency), Chance(90) ? "CHF" : Text());
  if (Chance(80)) reflection.SetInt64(money, type.FindFieldByNumber(kMoneyUnits), units);
  if (Chance(60))
    reflection.SetInt32(money, type.FindFieldByNumber(kMoneyNanos), units < 0 && Chance(90) ? -nanos : nanos);
}

void RandomCase::Fill(pb::Message* message, int depth) {
  const Descriptor& type = *message->GetDescriptor();
  if (IsAny(type)) return FillAny(depth, message);
  if (IsMoney(type)) return FillMoney(message);
  const bool date = type.name() == "Date" || type.name() == "Timestamp";
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (depth > 4 && field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (date && Chance(70) && field.cpp_type() == FieldDescriptor::CPPTYPE_INT32) {
      const int64_t value =
          field.name() == "year" ? 1950 + static_cast<int64_t>(Below(100)) : static_cast<int64_t>(Below(13));
      message->GetReflection()->SetInt32(message, &field, static_cast<int32_t>(value));
    } else if (Chance(type.options().map_entry() ? 90 : 60)) {
      FillField(field, depth, message);
    }
  }
}

std::string RandomCase::Unknown() {
  const int number = 900 + static_cast<int>(Below(5));
  switch (Below(4)) {
    case 0:
      return VarintField(number, Number());
    case 1:
      return Tag(number, 5) + "abcd";
    case 2:
      return BytesField(number, Text());
    default:
      return Tag(number, 3) + VarintField(1, 7) + Tag(2, 3) + Tag(2, 4) + Tag(number, 4);
  }
}

// The same field in another form that a parser has to understand, or must not.
std::string RandomCase::Reform(const Descriptor& type, const std::string& bytes, int depth) {
  std::vector<RawField> one;
  if (!SplitFields(bytes, &one) || one.size() != 1) return bytes;
  const RawField& raw = one[0];
  const FieldDescriptor* field = type.FindFieldByNumber(raw.number);
  if (field == nullptr) return bytes;
  if (Chance(2)) return VarintField(raw.number, Number());  // perhaps another wire type
  if (Chance(2)) return BytesField(raw.number, Text());     // likewise
  if (field->type() == FieldDescriptor::TYPE_ENUM && Chance(20) && !field->is_repeated())
    return VarintField(raw.number, Below(4));
  if (field->is_packable() && raw.wire_type != 2 && Chance(30)) {  // one element, packed
    return BytesField(raw.number, bytes.substr(Tag(raw.number, raw.wire_type).size()));
  }
  if (field->type() == FieldDescriptor::TYPE_ENUM && field->is_packable() && raw.wire_type == 2 && Chance(30)) {
    return BytesField(raw.number, raw.content + Varint(Below(4)));
  }
  if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || !(raw.wire_type == 2 || raw.wire_type == 3))
    return bytes;
  const auto wrap = [&](const std::string& content) {
    return raw.wire_type == 2 ? BytesField(raw.number, content) : Tag(raw.number, 3) + content + Tag(raw.number, 4);
  };
  const std::string inner = Shuffle(*field->message_type(), raw.content, depth + 1);
  std::vector<RawField> parts;
  if (!field->is_repeated() && Chance(25) && SplitFields(inner, &parts) && !parts.empty()) {
    const size_t cut = Below(parts.size() + 1);
    std::string first, second;
    for (size_t i = 0; i < parts.size(); ++i) (i < cut ? first : second) += parts[i].bytes;
    return wrap(first) + wrap(second);
  }
  return wrap(inner);
}

std::string RandomCase::Shuffle(const Descriptor& type, const std::string& bytes, int depth) {
  std::vector<RawField> fields;
  if (!SplitFields(bytes, &fields)) return bytes;
  std::vector<std::string> pieces;
  for (const RawField& field : fields) {
    pieces.push_back(Reform(type, field.bytes, depth));
    if (Chance(4)) pieces.push_back(field.bytes);
    if (Chance(4)) pieces.push_back(Unknown());
  }
  if (Chance(30)) std::shuffle(pieces.begin(), pieces.end(), random_);
  std::string out;
  for (const std::string& piece : pieces) out += piece;
  return out;
}

std::string RandomCase::Record(const pb::Message& prototype, int depth) {
  const Descriptor& root = *prototype.GetDescriptor();
  const std::unique_ptr<pb::Message> message(prototype.New());
  Fill(message.get(), depth);
  if (Chance(40)) return WithSortedMaps(root, message->SerializePartialAsString());  // regular, mostly
  std::string record = message->SerializePartialAsString();
  if (Chance(40)) {
    message->Clear();
    Fill(message.get(), depth + 2);
    record += message->SerializePartialAsString();
  }
  record = Shuffle(root, record, 0);
  if (record.empty() || !Chance(15)) return record;
  const size_t at = Below(record.size());
  switch (Below(4)) {
    case 0:
      record.resize(at);
      break;
    case 1:
      record[at] = static_cast<char>(random_());
      break;
    case 2:
      record.insert(at, 1, static_cast<char>(random_()));
      break;
    default:  // an overlong varint, if one ends here
      if (static_cast<uint8_t>(record[at]) < 0x80) {
        record[at] = static_cast<char>(static_cast<uint8_t>(record[at]) | 0x80);
        record.insert(at + 1, 1, '\0');
      }
      break;
  }
  return record;
}

std::string RandomCase::ChangeWithheld(const PlanSpec& spec, const std::string& record) {
  struct Used {
    bool whole = false;
    std::map<int, Used> inner;
  };
  Used root;
  const auto add = [&root](const FieldPath& path) {
    Used* at = &root;
    for (const FieldDescriptor* field : path) at = &at->inner[field->number()];
    at->whole = true;
  };
  for (const LeafSpec& leaf : spec.leaves) {
    add(leaf.path);
    if (!leaf.country.empty()) add(leaf.country);
    for (const PredicateSpec& when : leaf.when) {
      add(when.left);
      if (!when.right.empty()) add(when.right);
    }
  }
  for (const RoleSpec& role : spec.roles) add(role.path);

  const std::function<std::string(const Descriptor&, const Used&, const std::string&)> change =
      [&](const Descriptor& type, const Used& used, const std::string& bytes) -> std::string {
    if (IsAny(type)) return bytes;
    std::vector<RawField> fields;
    if (!SplitFields(bytes, &fields)) return bytes;
    size_t split = 0;
    for (const RawField& raw : fields) split += raw.bytes.size();
    if (split != bytes.size()) return bytes;  // a group's end that has no begin: a refusal, which must stay one
    std::string out;
    for (const RawField& raw : fields) {
      if (!raw.minimal || raw.number == 0) {  // its form is refused; only content is to change
        out += raw.bytes;
        continue;
      }
      const FieldDescriptor* field = type.FindFieldByNumber(raw.number);
      const auto use = used.inner.find(raw.number);
      if (use != used.inner.end()) {
        const bool enter =
            !use->second.whole && (raw.wire_type == 2 || raw.wire_type == 3) && field->message_type() != nullptr;
        if (!enter) {
          out += raw.bytes;
        } else if (raw.wire_type == 2) {
          out += BytesField(raw.number, change(*field->message_type(), use->second, raw.content));
        } else {
          out += Tag(raw.number, 3) + change(*field->message_type(), use->second, raw.content) + Tag(raw.number, 4);
        }
        continue;
      }
      const bool key = type.options().map_entry();
      bool oneof = false;
      if (field != nullptr && field->real_containing_oneof() != nullptr) {
        for (const auto& [number, ignored] : used.inner) {
          const FieldDescriptor* other = type.FindFieldByNumber(number);
          oneof |= other != nullptr && other->containing_oneof() == field->containing_oneof();
        }
      }
      if (key || oneof) {
        out += raw.bytes;
      } else if (raw.wire_type == 0) {
        if (!Chance(20)) out += VarintField(raw.number, Number());
      } else if (raw.wire_type == 2) {
        if (!Chance(20)) out += BytesField(raw.number, Chance(50) ? Text() : "\xff\xff\xff\x0b garbage");
      } else {
        out += raw.bytes;
      }
      if (Chance(10)) out += Unknown();
    }
    return out;
  };
  return change(*spec.record_type, root, record);
}

}  // namespace postern::policy::testing
