#include "policy/projection/record_check.h"

#include <algorithm>

namespace postern::policy {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;

constexpr size_t kMaxLeaves = 64;

enum WireType : uint32_t { kVarint = 0, kEightBytes = 1, kDelimited = 2, kFourBytes = 5 };

bool TakeVarint(absl::string_view* in, uint64_t* value) {
  *value = 0;
  for (size_t i = 0; i < in->size() && i < 10; ++i) {
    const auto byte = static_cast<uint8_t>((*in)[i]);
    *value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      in->remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

bool TakeBytes(absl::string_view* in, uint64_t size, absl::string_view* bytes) {
  if (size > in->size()) return false;
  *bytes = in->substr(0, size);
  in->remove_prefix(size);
  return true;
}

// Takes the value behind `tag`; false for groups and what is malformed.
bool TakeValue(uint64_t tag, absl::string_view* in, RecordCheck::Value* value) {
  uint64_t size = 0;
  switch (tag & 7) {
    case kVarint:
      return TakeVarint(in, &value->number);
    case kEightBytes:
    case kFourBytes:
      if (!TakeBytes(in, (tag & 7) == kEightBytes ? 8 : 4, &value->bytes)) return false;
      value->number = 0;
      for (size_t i = value->bytes.size(); i-- > 0;) {
        value->number = value->number << 8 | static_cast<uint8_t>(value->bytes[i]);
      }
      return true;
    case kDelimited:
      return TakeVarint(in, &size) && TakeBytes(in, size, &value->bytes);
    default:
      return false;
  }
}

// False for what is no plain date message.
bool ReadDate(const Descriptor& type, absl::string_view message, DateFields* date) {
  while (!message.empty()) {
    uint64_t tag;
    RecordCheck::Value value;
    if (!TakeVarint(&message, &tag) || !TakeValue(tag, &message, &value)) return false;
    const FieldDescriptor* field = type.FindFieldByNumber(static_cast<int>(tag >> 3));
    if (field == nullptr || (tag & 7) != kVarint || field->type() == FieldDescriptor::TYPE_SINT32 ||
        field->type() == FieldDescriptor::TYPE_SINT64) {
      return false;
    }
    const int64_t number = field->cpp_type() == FieldDescriptor::CPPTYPE_INT32 ? static_cast<int32_t>(value.number)
                                                                               : static_cast<int64_t>(value.number);
    for (const auto& [name, part] : {std::pair<absl::string_view, int64_t*>{"seconds", &date->seconds},
                                     {"nanos", &date->nanos},
                                     {"year", &date->year},
                                     {"month", &date->month},
                                     {"day", &date->day}}) {
      if (field->name() == name) *part = number;
    }
  }
  return true;
}

uint32_t TagOf(const FieldDescriptor& field) {
  uint32_t type = kVarint;
  switch (field.type()) {
    case FieldDescriptor::TYPE_DOUBLE:
    case FieldDescriptor::TYPE_FIXED64:
    case FieldDescriptor::TYPE_SFIXED64:
      type = kEightBytes;
      break;
    case FieldDescriptor::TYPE_FLOAT:
    case FieldDescriptor::TYPE_FIXED32:
    case FieldDescriptor::TYPE_SFIXED32:
      type = kFourBytes;
      break;
    case FieldDescriptor::TYPE_STRING:
    case FieldDescriptor::TYPE_BYTES:
    case FieldDescriptor::TYPE_MESSAGE:
      type = kDelimited;
      break;
    default:
      break;
  }
  return static_cast<uint32_t>(field.number()) << 3 | type;
}

}  // namespace

RecordCheck::RecordCheck(const PlanSpec& spec) : spec_(spec), levels_(1), usable_(spec.leaves.size() <= kMaxLeaves) {
  bool minors = false;
  for (const LeafSpec& leaf : spec.leaves) {
    Leaf& added = leaves_.emplace_back();
    added.spec = &leaf;
    for (const PredicateSpec& when : leaf.when) {
      added.when.push_back({&when, AddOperand(when.left), when.right.empty() ? -1 : AddOperand(when.right)});
    }
    if (usable_) AddMembers(leaf.path, uint64_t{1} << (leaves_.size() - 1));
    minors |= leaf.withheld_from_minors;
    reads_ |= leaf.withheld_from_minors || leaf.consent >= 0 || !leaf.when.empty();
  }
  reads_ |= waiting_ != 0;
  for (const RoleSpec& role : spec.roles) {
    const bool flag = role.role == v1::FIELD_ROLE_MINOR_FLAG, birth = role.role == v1::FIELD_ROLE_BIRTH_DATE;
    if (!minors || (!flag && !birth)) continue;
    Slot* const slot = AddPath(role.path);
    if (slot == nullptr) continue;
    slot->minor_flag |= flag;
    slot->birth_date |= birth;
  }
}

int RecordCheck::AddOperand(const FieldPath& path) {
  const auto known = std::find(operand_paths_.begin(), operand_paths_.end(), path);
  if (known != operand_paths_.end()) return static_cast<int>(known - operand_paths_.begin());
  const auto index = static_cast<int>(operands_.size());
  operands_.push_back(path.back());
  operand_paths_.push_back(path);
  if (Slot* const slot = AddPath(path)) slot->operand = index;
  return index;
}

RecordCheck::Slot* RecordCheck::AddPath(const FieldPath& path) {
  size_t level = 0;
  for (size_t i = 0; i < path.size(); ++i) {
    const FieldDescriptor& field = *path[i];
    const bool closed_enum =
        field.type() == FieldDescriptor::TYPE_ENUM && field.file()->syntax() == FileDescriptor::SYNTAX_PROTO2;
    Slot* const slot =
        field.is_map() || closed_enum || field.type() == FieldDescriptor::TYPE_GROUP ? nullptr : Add(level, field);
    if (slot == nullptr) {
      usable_ = false;
      return nullptr;
    }
    if (i + 1 == path.size()) return slot;
    level = Enter(slot);
  }
  return nullptr;
}

void RecordCheck::AddMembers(const FieldPath& path, uint64_t leaf) {
  const auto last = std::find_if(path.rbegin(), path.rend(), [](const FieldDescriptor* field) {
    return field->real_containing_oneof() != nullptr;
  });
  if (last == path.rend()) return;
  waiting_ |= leaf;
  size_t level = 0;
  for (auto at = path.begin(); at != last.base(); ++at) {
    const FieldDescriptor& field = **at;
    const bool in_any = field.containing_type()->full_name() == "google.protobuf.Any";
    Slot* slot = in_any || field.is_map() || field.type() == FieldDescriptor::TYPE_GROUP ? nullptr : Add(level, field);
    if (slot == nullptr) {
      barred_ |= leaf;
      return;
    }
    if (at + 1 == last.base()) {
      slot->members |= leaf;
      return;
    }
    level = Enter(slot);
  }
}

size_t RecordCheck::Enter(Slot* slot) {
  if (slot->level != 0) return slot->level;
  const size_t level = slot->level = levels_.size();
  levels_.emplace_back();  // moves `slot`
  return level;
}

RecordCheck::Slot* RecordCheck::Add(size_t level, const FieldDescriptor& field) {
  const auto* oneof = field.real_containing_oneof();
  if (oneof == nullptr) return AddAlone(level, field);
  uint64_t members = 0;
  for (int i = 0; i < oneof->field_count(); ++i) {
    if (oneof->field(i)->type() == FieldDescriptor::TYPE_GROUP) continue;  // ends the reading by itself
    Slot* const slot = AddAlone(level, *oneof->field(i));
    if (slot == nullptr) return nullptr;
    members |= slot->once;
  }
  Slot* added = nullptr;
  for (auto& [tag, slot] : levels_[level].slots) {
    if (slot.field->real_containing_oneof() != oneof) continue;
    slot.excludes = members & ~slot.once;
    if (slot.field == &field) added = &slot;
  }
  return added;
}

RecordCheck::Slot* RecordCheck::AddAlone(size_t level, const FieldDescriptor& field) {
  auto& slots = levels_[level].slots;
  const uint32_t tag = TagOf(field);
  for (auto& [known, slot] : slots) {
    if (known == tag) return &slot;
  }
  if (slots.size() == 64) return nullptr;
  Slot slot;
  slot.field = &field;
  if (!field.is_repeated()) slot.once = uint64_t{1} << slots.size();
  slots.emplace_back(tag, slot);
  if (tag < levels_[level].slot_of.size()) levels_[level].slot_of[tag] = static_cast<uint8_t>(slots.size());
  return &slots.back().second;
}

bool RecordCheck::Decide(const ProjectionContext& context, absl::string_view record, uint64_t* open) const {
  Values values{absl::InlinedVector<Value, 4>(operands_.size()), absl::InlinedVector<bool, 4>(operands_.size(), false),
                Minority(spec_, context)};
  if (!Read(levels_[0], record, &values)) return false;
  *open &= ~waiting_ | (values.members & ~barred_);
  const bool minor = values.minority.MayBeMinor();
  for (size_t i = 0; i < leaves_.size(); ++i) {
    const LeafSpec& leaf = *leaves_[i].spec;
    const bool consented = leaf.consent < 0 || (context.consents_granted >> leaf.consent & 1) != 0;
    const bool holds = std::all_of(leaves_[i].when.begin(), leaves_[i].when.end(), [&](const Condition& when) {
      return policy::Holds(*when.spec, OperandAt(when.left, values), OperandAt(when.right, values));
    });
    if (!consented || (leaf.withheld_from_minors && minor) || !holds) *open &= ~(uint64_t{1} << i);
  }
  return true;
}

bool RecordCheck::Read(const Level& level, absl::string_view message, Values* values) const {
  if (level.slots.empty()) return true;
  uint64_t seen = 0;
  while (!message.empty()) {
    uint64_t tag;
    RecordCheck::Value value;
    if (!TakeVarint(&message, &tag) || !TakeValue(tag, &message, &value)) return false;
    const Slot* slot = nullptr;
    if (tag < level.slot_of.size()) {
      if (level.slot_of[tag] != 0) slot = &level.slots[level.slot_of[tag] - 1u].second;
    } else {
      for (const auto& [known, found] : level.slots) {
        if (known == tag) slot = &found;
      }
    }
    if (slot == nullptr) continue;
    if ((seen & (slot->once | slot->excludes)) != 0) return false;
    seen |= slot->once;
    if (!ReadValue(*slot, value, values)) return false;
  }
  return true;
}

bool RecordCheck::ReadValue(const Slot& slot, const Value& value, Values* values) const {
  values->members |= slot.members;
  if (slot.operand >= 0) {
    values->operands[static_cast<size_t>(slot.operand)] = value;
    values->present[static_cast<size_t>(slot.operand)] = true;
  }
  if (slot.minor_flag) values->minority.AddFlag(*slot.field, value.number);
  if (slot.birth_date && slot.field->type() == FieldDescriptor::TYPE_STRING) values->minority.AddBirthDate(value.bytes);
  if (slot.birth_date && slot.field->type() == FieldDescriptor::TYPE_MESSAGE) {
    DateFields date;
    if (!ReadDate(*slot.field->message_type(), value.bytes, &date)) return false;
    values->minority.AddBirthDate(*slot.field->message_type(), date);
  }
  return slot.level == 0 || Read(levels_[slot.level], value.bytes, values);
}

Operand RecordCheck::OperandAt(int index, const Values& values) const {
  if (index < 0) return {};
  const auto at = static_cast<size_t>(index);
  if (!values.present[at]) return OperandOf(*operands_[at], nullptr);
  ViewedValue viewed;
  viewed.number = values.operands[at].number;
  viewed.bytes = values.operands[at].bytes;
  return OperandOf(*operands_[at], &viewed);
}

}  // namespace postern::policy
