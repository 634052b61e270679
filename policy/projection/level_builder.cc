#include "policy/projection/level_builder.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "policy/projection/any_value.h"

namespace postern::policy {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::OneofDescriptor;

wire::Type WireTypeOf(FieldType type) {
  switch (type) {
    case FieldDescriptor::TYPE_DOUBLE:
    case FieldDescriptor::TYPE_FIXED64:
    case FieldDescriptor::TYPE_SFIXED64:
      return wire::kFixed64;
    case FieldDescriptor::TYPE_FLOAT:
    case FieldDescriptor::TYPE_FIXED32:
    case FieldDescriptor::TYPE_SFIXED32:
      return wire::kFixed32;
    case FieldDescriptor::TYPE_STRING:
    case FieldDescriptor::TYPE_BYTES:
    case FieldDescriptor::TYPE_MESSAGE:
      return wire::kDelimited;
    case FieldDescriptor::TYPE_GROUP:
      return wire::kStartGroup;
    default:
      return wire::kVarint;
  }
}

bool IsProto3(const FieldDescriptor& field) {
  return field.file()->syntax() == FileDescriptor::SYNTAX_PROTO3;
}

std::string Join(const std::string& path, absl::string_view name) {
  return path.empty() ? std::string(name) : absl::StrCat(path, ".", name);
}

// The fields of `type` by number.
std::vector<const FieldDescriptor*> SortedFields(const Descriptor& type) {
  std::vector<const FieldDescriptor*> fields;
  for (int i = 0; i < type.field_count(); ++i) fields.push_back(type.field(i));
  std::sort(fields.begin(), fields.end(), [](const auto* a, const auto* b) { return a->number() < b->number(); });
  return fields;
}

}  // namespace

Field LevelBuilder::MakeField(const FieldDescriptor& descriptor) const {
  Field field;
  field.number = static_cast<uint32_t>(descriptor.number());
  field.type = descriptor.type();
  field.wire_type = WireTypeOf(descriptor.type());
  field.repeated = descriptor.is_repeated();
  field.packed_output = descriptor.is_packed();
  field.implicit_presence = !descriptor.is_repeated() && !descriptor.has_presence();
  const bool scalar =
      field.wire_type == wire::kVarint || field.wire_type == wire::kFixed32 || field.wire_type == wire::kFixed64;
  field.shape = scalar && !field.repeated ? Shape::kScalar : Shape::kOpaque;
  return field;
}

void LevelBuilder::AddSupersededBits() {
  for (Level& level : tables_.levels) {
    for (Field& field : level.fields) {
      if (field.oneof < 0 || !field.has_grants) continue;
      field.superseded_bit = static_cast<int32_t>(tables_.withheld.size());
      tables_.withheld.push_back({WithheldReason::kSuperseded, -1});
      tables_.superseded_paths.push_back(level.PathOf(field));
    }
  }
}

int32_t LevelBuilder::EnumIndex(const FieldDescriptor& descriptor) {
  if (descriptor.type() != FieldDescriptor::TYPE_ENUM || IsProto3(descriptor)) return -1;
  const auto* type = descriptor.enum_type();
  const auto [at, added] = enum_indexes_.try_emplace(type, static_cast<int32_t>(tables_.enums.size()));
  if (added) {
    std::set<int32_t> values;
    for (int i = 0; i < type->value_count(); ++i) values.insert(type->value(i)->number());
    tables_.enums.emplace_back(values.begin(), values.end());
  }
  return at->second;
}

int32_t LevelBuilder::AddBit(const std::string& path, WithheldReason reason, int32_t leaf) {
  tables_.withheld.push_back({reason, leaf});
  tables_.withheld_paths.push_back(path);
  return static_cast<int32_t>(tables_.withheld.size()) - 1;
}

void LevelBuilder::AddWithheldBits(const std::string& path, bool reports, Field* field) {
  if (field->leaf >= 0) {
    const Gate& gate = tables_.gates[tables_.leaves[field->leaf].gate];
    if (!gate.when.empty()) AddBit(path, WithheldReason::kCondition, field->leaf);
    if (gate.withheld_from_minors) AddBit(path, WithheldReason::kMinor, field->leaf);
    if (gate.consent >= 0) AddBit(path, WithheldReason::kConsent, field->leaf);
  } else if (reports && (field->level < 0 || field->date >= 0)) {
    field->withheld_bit =
        AddBit(path, unclassified_.count(path) != 0 ? WithheldReason::kUnclassified : WithheldReason::kNotGranted, -1);
  }
}

void LevelBuilder::CollectGates(const TrieNode& node, std::set<int32_t>* gates) const {
  for (const auto& [number, use] : node.uses) {
    if (use.leaf >= 0) gates->insert(tables_.leaves[use.leaf].gate);
    if (use.inner != nullptr) CollectGates(*use.inner, gates);
    for (const auto& [url, packed] : use.packed) CollectGates(*packed, gates);
  }
}

void LevelBuilder::AddGates(const std::set<int32_t>& gates, int32_t* begin, int32_t* end) {
  *begin = static_cast<int32_t>(tables_.gate_lists.size());
  tables_.gate_lists.insert(tables_.gate_lists.end(), gates.begin(), gates.end());
  *end = static_cast<int32_t>(tables_.gate_lists.size());
}

void LevelBuilder::AddUse(const FieldDescriptor& descriptor, const FieldUse& use, const std::string& path, int depth,
                          bool reports, Field* field) {
  field->tracked = true;
  field->leaf = use.leaf;
  field->has_grants = use.Grants();
  field->has_reads = use.HasReads();
  field->has_anys = use.HasAnys();
  field->reads_begin = static_cast<int32_t>(tables_.reads.size());
  tables_.reads.insert(tables_.reads.end(), use.reads.begin(), use.reads.end());
  field->reads_end = static_cast<int32_t>(tables_.reads.size());
  const bool string = descriptor.type() == FieldDescriptor::TYPE_STRING;
  if (field->wire_type != wire::kDelimited && field->wire_type != wire::kStartGroup) {
    field->shape = Shape::kScalar;
    return;
  }
  if (string || descriptor.type() == FieldDescriptor::TYPE_BYTES) {
    field->shape = Shape::kText;
    field->check_utf8 =
        string && (IsProto3(descriptor) || (use.leaf >= 0 && tables_.leaves[use.leaf].transform.needs_utf8()));
    return;
  }
  std::set<int32_t> gates;
  if (use.inner != nullptr) CollectGates(*use.inner, &gates);
  if (use.leaf >= 0) gates.insert(tables_.leaves[use.leaf].gate);
  AddGates(gates, &field->gates_begin, &field->gates_end);
  if (descriptor.is_map() && use.inner == nullptr) {
    field->shape = Shape::kMap;
    field->level = BuildScalarMapLevel(descriptor, use.leaf, path, depth + 1);
    field->check_key = tables_.leaves[use.leaf].on_card_number != v1::CARD_NUMBER_ACTION_UNSPECIFIED;
    field->leaf = -1;  // the entry's value is the leaf
    return;
  }
  if (!descriptor.is_map() && use.inner != nullptr && IsAny(*descriptor.message_type())) {
    return BuildAny(*use.inner, path, depth + 1, reports, field);
  }
  field->shape = descriptor.is_map()                     ? Shape::kMap
                 : field->wire_type == wire::kStartGroup ? Shape::kGroup
                                                         : Shape::kMessage;
  field->money = use.leaf >= 0 && IsMoney(*descriptor.message_type());
  if (!field->money && (use.inner == nullptr || use.leaf >= 0 || !use.reads.empty())) {
    field->date = static_cast<int32_t>(tables_.dates.size());
    tables_.dates.push_back(*DateLayoutOf(*descriptor.message_type()));
  }
  const TrieNode nothing{descriptor.message_type(), {}};
  const bool inner_reports = reports && use.inner != nullptr && use.leaf < 0;
  field->level = BuildLevel(use.inner != nullptr ? *use.inner : nothing, path, depth + 1, inner_reports);
  if (field->money) GuardCurrency(&tables_.levels[field->level]);
  if (field->shape == Shape::kMap) {
    for (const Leaf& leaf : tables_.leaves) {
      field->check_key |= leaf.on_card_number != v1::CARD_NUMBER_ACTION_UNSPECIFIED &&
                          (leaf.path.rfind(path + ".", 0) == 0 || leaf.path.rfind(path + "[", 0) == 0);
    }
  }
}

void LevelBuilder::BuildAny(const TrieNode& any, const std::string& path, int depth, bool reports, Field* field) {
  field->shape = Shape::kAny;
  field->level = BuildLevel(TrieNode{any.type, {}}, path, depth, false);
  Level& level = tables_.levels[field->level];
  for (Field& part : level.fields) {
    part.tracked = true;
    if (part.number != static_cast<uint32_t>(kAnyTypeUrl)) continue;
    part.shape = Shape::kText;
    part.check_utf8 = true;
  }
  AnyUse use;
  if (reports) {
    level.unknown_bit = AddBit(Join(path, "(unknown)"), WithheldReason::kUnknown, -1);
    use.withheld_bit = AddBit(path, WithheldReason::kNotGranted, -1);
  }
  for (const auto& [url, packed] : any.uses.at(kAnyValue).packed) {
    AnyUse::Packed& type = use.types.emplace_back();
    type.type_url = url;
    type.has_anys =
        std::any_of(packed->uses.begin(), packed->uses.end(), [](const auto& inner) { return inner.second.HasAnys(); });
    std::set<int32_t> gates;
    CollectGates(*packed, &gates);
    AddGates(gates, &type.gates_begin, &type.gates_end);
    type.level = BuildLevel(*packed, absl::StrCat(path, "[", url, "]"), depth + 1, reports);
  }
  field->any = static_cast<int32_t>(tables_.anys.size());
  tables_.anys.push_back(std::move(use));
}

// The currency leaves with the amount, so it has to be UTF-8.
void LevelBuilder::GuardCurrency(Level* money) {
  for (Field& field : money->fields) {
    if (field.number != static_cast<uint32_t>(kMoneyCurrency)) continue;
    field.shape = Shape::kText;
    field.check_utf8 = true;
    field.tracked = true;
  }
}

int32_t LevelBuilder::BuildScalarMapLevel(const FieldDescriptor& map, int32_t leaf, const std::string& path,
                                          int depth) {
  const FieldDescriptor& key = *map.message_type()->map_key();
  const FieldDescriptor& value = *map.message_type()->map_value();
  Level level;
  level.path = path;
  level.depth = depth;
  level.paths = {path, path};
  for (const FieldDescriptor* descriptor : {&key, &value}) {
    Field field = MakeField(*descriptor);
    if (field.wire_type == wire::kDelimited) field.shape = Shape::kText;
    field.check_utf8 = descriptor->type() == FieldDescriptor::TYPE_STRING && IsProto3(map);
    field.has_grants = true;
    level.fields.push_back(field);
  }
  Field& granted = level.fields[1];
  granted.leaf = leaf;
  granted.check_utf8 |= value.type() == FieldDescriptor::TYPE_STRING && tables_.leaves[leaf].transform.needs_utf8();
  granted.enum_values = EnumIndex(value);
  if (value.type() == FieldDescriptor::TYPE_ENUM) granted.enum_default = value.default_value_enum()->number();
  AddWithheldBits(path, true, &granted);
  IndexTags(&level);
  tables_.levels.push_back(std::move(level));
  return static_cast<int32_t>(tables_.levels.size()) - 1;
}

int32_t LevelBuilder::BuildLevel(const TrieNode& node, const std::string& path, int depth, bool reports) {
  const auto index = tables_.levels.size();
  tables_.levels.emplace_back();  // the record comes first; levels below are added while this one is built
  Level level;
  level.path = path;
  level.depth = depth;
  std::map<const OneofDescriptor*, int16_t> oneofs;
  for (const auto& [number, use] : node.uses) {
    const OneofDescriptor* oneof = node.type->FindFieldByNumber(number)->real_containing_oneof();
    if (oneof != nullptr) oneofs.try_emplace(oneof, static_cast<int16_t>(oneofs.size()));
  }
  level.oneofs = static_cast<int>(oneofs.size());
  const bool entry = node.type->options().map_entry();
  for (const FieldDescriptor* descriptor : SortedFields(*node.type)) {
    Field field = MakeField(*descriptor);
    const std::string field_path = entry ? path : Join(path, descriptor->name());
    const auto oneof = oneofs.find(descriptor->real_containing_oneof());
    if (oneof != oneofs.end()) {
      field.oneof = oneof->second;
      field.tracked = true;
    }
    if (field.shape == Shape::kScalar || descriptor->is_packable()) field.enum_values = EnumIndex(*descriptor);
    const auto use = node.uses.find(descriptor->number());
    if (use != node.uses.end()) AddUse(*descriptor, use->second, field_path, depth, reports, &field);
    if (entry && descriptor->number() == 1 && field.wire_type == wire::kDelimited) {
      field.shape = Shape::kText;
      field.check_utf8 = descriptor->type() == FieldDescriptor::TYPE_STRING && IsProto3(*descriptor);
    }
    AddWithheldBits(field_path, reports && !entry, &field);
    level.fields.push_back(field);
    level.paths.push_back(field_path);
  }
  if (reports) level.unknown_bit = AddBit(Join(path, "(unknown)"), WithheldReason::kUnknown, -1);
  IndexTags(&level);
  tables_.levels[index] = std::move(level);
  return static_cast<int32_t>(index);
}

void LevelBuilder::IndexTags(Level* level) {
  const auto add = [level](const Field& field, wire::Type type) {
    const uint32_t tag = wire::MakeTag(field.number, type);
    const auto index = static_cast<int32_t>(&field - level->fields.data());
    if (tag < level->one_byte.size()) {
      level->one_byte[tag] = static_cast<uint8_t>(index + 1);
    } else {
      level->long_tags.push_back({tag, index});
    }
  };
  for (const Field& field : level->fields) {
    add(field, field.wire_type);
    if (field.repeated && field.wire_type != wire::kDelimited && field.wire_type != wire::kStartGroup)
      add(field, wire::kDelimited);
  }
  std::sort(level->long_tags.begin(), level->long_tags.end(),
            [](const TagEntry& a, const TagEntry& b) { return a.tag < b.tag; });
}

}  // namespace postern::policy
