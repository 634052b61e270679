#include "policy/projection/output_check.h"

#include <algorithm>

#include "absl/base/optimization.h"
#include "policy/projection/plain_identifiers.h"
#include "policy/projection/verifier_values.h"

namespace postern::policy {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

enum WireType : uint32_t { kVarintType = 0, kEightType = 1, kDelimitedType = 2, kFourType = 5 };

// Reads a varint of any width; null if it does not end.
const char* TakeVarint(const char* p, const char* end, uint64_t* value) {
  *value = 0;
  for (int shift = 0; shift < 64 && p != end; shift += 7) {
    const auto byte = static_cast<uint8_t>(*p++);
    *value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return p;
  }
  return nullptr;
}

// The same without reading it.
const char* SkipVarint(const char* p, const char* end) {
  for (int i = 0; i < 10 && p != end; ++i) {
    if (static_cast<uint8_t>(*p++) < 0x80) return p;
  }
  return nullptr;
}

const char* TakeFixed(const char* p, const char* end, ptrdiff_t size, uint64_t* value) {
  if (end - p < size) return nullptr;
  *value = 0;
  for (ptrdiff_t i = size; i-- > 0;) *value = *value << 8 | static_cast<uint8_t>(p[i]);
  return p + size;
}

// Reads a length; null unless that much is there.
inline const char* TakeLength(const char* p, const char* end, size_t* size) {
  uint64_t length;
  if (ABSL_PREDICT_TRUE(p != end && static_cast<uint8_t>(*p) < 0x80)) {
    *size = static_cast<uint8_t>(*p++);
    return ABSL_PREDICT_TRUE(p + *size <= end) ? p : nullptr;
  }
  p = TakeVarint(p, end, &length);
  if (p == nullptr || length > static_cast<uint64_t>(end - p)) return nullptr;
  *size = length;
  return p;
}

// The key of an entry, which begins with it.
bool TakeKey(absl::string_view entry, absl::string_view* key) {
  size_t size;
  const char* const end = entry.data() + entry.size();
  if (entry.empty() || entry.front() != '\x0a') return false;
  const char* const p = TakeLength(entry.data() + 1, end, &size);
  if (p == nullptr) return false;
  *key = absl::string_view(p, size);
  return true;
}

WireType WireTypeOf(const FieldDescriptor& field) {
  switch (field.type()) {
    case FieldDescriptor::TYPE_DOUBLE:
    case FieldDescriptor::TYPE_FIXED64:
    case FieldDescriptor::TYPE_SFIXED64:
      return kEightType;
    case FieldDescriptor::TYPE_FLOAT:
    case FieldDescriptor::TYPE_FIXED32:
    case FieldDescriptor::TYPE_SFIXED32:
      return kFourType;
    case FieldDescriptor::TYPE_STRING:
    case FieldDescriptor::TYPE_BYTES:
    case FieldDescriptor::TYPE_MESSAGE:
      return kDelimitedType;
    default:
      return kVarintType;
  }
}

// What an Any holds only the comparison looks at.
bool EndsAtAny(const FieldDescriptor& field) {
  return field.message_type() != nullptr && field.message_type()->full_name() == "google.protobuf.Any";
}

bool IsClosedEnum(const FieldDescriptor& field) {
  return field.type() == FieldDescriptor::TYPE_ENUM &&
         field.file()->syntax() == google::protobuf::FileDescriptor::SYNTAX_PROTO2;
}

}  // namespace

OutputCheck::OutputCheck(const PlanSpec& spec) : covers_any_(spec.leaves.size() <= kMaxLeaves) {
  levels_.emplace_back().type = spec.record_type;
  for (size_t i = 0; i < spec.leaves.size() && covers_any_; ++i) AddLeaf(spec.leaves[i], uint64_t{1} << i);
  for (Level& level : levels_) {
    for (uint64_t tag = 0; tag < level.by_tag.size(); ++tag) level.by_tag[tag] = &Find(level, tag);
  }
}

void OutputCheck::AddLeaf(const LeafSpec& leaf, uint64_t bit) {
  size_t level = 0;
  for (size_t i = 0; i < leaf.path.size(); ++i) {
    const FieldDescriptor& field = *leaf.path[i];
    if (field.type() == FieldDescriptor::TYPE_GROUP || EndsAtAny(field)) return;
    if (field.is_map()) {
      if (i + 1 == leaf.path.size()) AddMap(leaf, bit, level);  // below a map's values only the comparison looks
      return;
    }
    Slot* slot = Add(level, field);
    slot->leaves |= bit;
    if (i + 1 == leaf.path.size()) {
      slot->leaf = &leaf;
      if (leaf.transform.index() != 0 || IsClosedEnum(field) ||
          leaf.on_card_number != v1::CARD_NUMBER_ACTION_UNSPECIFIED) {
        Examine(slot);
      }
      if (field.type() == FieldDescriptor::TYPE_MESSAGE) AddDate(leaf, bit, level);
      return;
    }
    if (slot->level == 0) {
      const auto added = static_cast<uint32_t>(levels_.size());
      slot->level = added;
      levels_.emplace_back().type = field.message_type();  // moves `slot`
    }
    level = Add(level, field)->level;
  }
}

void OutputCheck::Examine(Slot* slot) {
  if (slot->kind == Kind::kText) {
    slot->kind = Kind::kExaminedText;
  } else if (slot->kind == Kind::kPacked) {
    slot->examined_elements = true;
  } else if (slot->kind < Kind::kExaminedNumber) {
    slot->element = slot->kind;
    slot->kind = Kind::kExaminedNumber;
  }
}

// From texts to what is no message, both as they are.
void OutputCheck::AddMap(const LeafSpec& leaf, uint64_t bit, size_t level) {
  const FieldDescriptor& field = *leaf.path.back();
  if (field.message_type()->map_key()->type() != FieldDescriptor::TYPE_STRING ||
      field.message_type()->map_value()->message_type() != nullptr || leaf.transform.index() != 0) {
    return;
  }
  const auto added = static_cast<uint32_t>(levels_.size());
  levels_.emplace_back().type = field.message_type();
  Slot* const entry = Add(level, field);
  entry->leaves |= bit;
  entry->level = added;
  entry->kind = Kind::kMapEntry;
  for (const FieldDescriptor* part : {field.message_type()->map_key(), field.message_type()->map_value()}) {
    Slot* const slot = Add(added, *part);
    slot->leaves |= bit;
    slot->leaf = &leaf;
    if (IsClosedEnum(*part) || leaf.on_card_number != v1::CARD_NUMBER_ACTION_UNSPECIFIED) Examine(slot);
  }
}

// A date that is kept leaves with its parts; a coarser one is for the comparison with the record.
void OutputCheck::AddDate(const LeafSpec& leaf, uint64_t bit, size_t level) {
  const FieldDescriptor& field = *leaf.path.back();
  if (leaf.transform.index() != 0) {
    Add(level, field)->kind = Kind::kNotCovered;
    return;
  }
  const auto added = static_cast<uint32_t>(levels_.size());
  levels_.emplace_back().type = field.message_type();
  Add(level, field)->level = added;
  for (const char* part : {"seconds", "nanos", "year", "month", "day"}) {
    const FieldDescriptor* descriptor = field.message_type()->FindFieldByName(part);
    if (descriptor == nullptr || descriptor->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) continue;
    Add(added, *descriptor)->leaves |= bit;
  }
}

OutputCheck::Slot* OutputCheck::Add(size_t level, const FieldDescriptor& field) {
  Slot slot;
  slot.repeated = field.is_repeated() ? 1 : 0;
  slot.field = &field;
  WireType type = WireTypeOf(field);
  switch (type) {
    case kVarintType:
      slot.kind = Kind::kVarint;
      break;
    case kEightType:
      slot.kind = Kind::kEightBytes;
      break;
    case kFourType:
      slot.kind = Kind::kFourBytes;
      break;
    case kDelimitedType:
      slot.kind = field.type() == FieldDescriptor::TYPE_MESSAGE ? Kind::kMessage : Kind::kText;
      break;
  }
  if (field.is_packed()) {
    type = kDelimitedType;
    slot.element = slot.kind;
    slot.kind = Kind::kPacked;
    slot.repeated = 0;  // one run
  }
  slot.tag = static_cast<uint32_t>(field.number()) << 3 | type;
  Level& at = levels_[level];
  const auto known =
      std::find_if(at.slots.begin(), at.slots.end(), [&slot](const Slot& other) { return other.tag == slot.tag; });
  if (known != at.slots.end()) return &*known;
  slot.oneof = OneofBit(field, &at);
  at.slots.push_back(slot);
  return &at.slots.back();
}

uint64_t OutputCheck::OneofBit(const FieldDescriptor& field, Level* level) {
  const google::protobuf::OneofDescriptor* const oneof = field.real_containing_oneof();
  if (oneof == nullptr) return 0;
  auto known = std::find(level->oneofs.begin(), level->oneofs.end(), oneof);
  if (known == level->oneofs.end()) known = level->oneofs.insert(known, oneof);
  // The 64th and later ones share a bit, so that more of them in one message are for somebody slower.
  return uint64_t{1} << std::min<ptrdiff_t>(known - level->oneofs.begin(), 63);
}

bool OutputCheck::Covers(absl::string_view output, uint64_t open) const {
  return covers_any_ && CoversMessage(&levels_[0], output.data(), output.data() + output.size(), open);
}

bool OutputCheck::CoversMessage(const Level* level, const char* p, const char* end, uint64_t open) const {
  // The messages around the one at hand.
  struct Outer {
    const Level* level;
    const char* end;
    uint64_t last, oneofs;
  };
  std::array<Outer, kMaxDepth> around;
  size_t depth = 0;
  uint64_t last = 0, oneofs = 0;
  absl::string_view last_key;
  const Level* const levels = levels_.data();
  for (;;) {
    while (p == end) {
      if (depth == 0) return true;
      const Outer& outer = around[--depth];
      level = outer.level;
      end = outer.end;
      last = outer.last;
      oneofs = outer.oneofs;
    }
    uint64_t tag = static_cast<uint8_t>(*p++);
    const Slot* slot;
    if (ABSL_PREDICT_TRUE(tag < 0x80)) {
      slot = level->by_tag[tag];
    } else {
      p = TakeVarint(p - 1, end, &tag);
      if (p == nullptr) return false;
      slot = &Find(*level, tag);
    }
    if (ABSL_PREDICT_FALSE((slot->leaves & open) == 0 || tag + slot->repeated <= last)) return false;
    if (slot->oneof != 0) {
      if ((slot->oneof & oneofs) != 0) return false;
      oneofs |= slot->oneof;
    }
    const bool again = tag == last;
    last = tag;
    // What is frequent, by branches, which are predicted better than the jump of a switch.
    size_t size;
    const Kind kind = slot->kind;
    if (kind == Kind::kText) {
      p = TakeLength(p, end, &size);
      if (p == nullptr) return false;
      p += size;
    } else if (kind == Kind::kMessage) {
      p = TakeLength(p, end, &size);
      if (p == nullptr || depth == kMaxDepth) return false;
      around[depth++] = {level, end, last, oneofs};
      level = levels + slot->level;
      end = p + size;
      last = 0;
      oneofs = 0;
    } else if (kind == Kind::kVarint) {
      p = SkipVarint(p, end);
      if (p == nullptr) return false;
    } else {
      p = TakeRare(*slot, p, end, open, again, &last_key);
      if (p == nullptr) return false;
    }
  }
}

const char* OutputCheck::TakeRare(const Slot& slot, const char* p, const char* end, uint64_t open, bool again,
                                  absl::string_view* last_key) const {
  uint64_t number;
  if (slot.kind <= Kind::kExaminedNumber) {
    p = TakeNumber(slot.kind == Kind::kExaminedNumber ? slot.element : slot.kind, p, end, &number);
    return slot.kind == Kind::kExaminedNumber && p != nullptr && !CoversNumber(slot, number) ? nullptr : p;
  }
  size_t size;
  p = TakeLength(p, end, &size);
  if (p == nullptr) return nullptr;
  bool covered = false;
  if (slot.kind == Kind::kExaminedText) {
    covered = CoversText(slot, absl::string_view(p, size));
  } else if (slot.kind == Kind::kPacked) {
    covered = CoversRun(slot, p, p + size);
  } else if (slot.kind == Kind::kMapEntry) {
    covered = CoversEntry(slot, absl::string_view(p, size), open, again, last_key);
  }
  return covered ? p + size : nullptr;
}

bool OutputCheck::CoversEntry(const Slot& slot, absl::string_view entry, uint64_t open, bool again,
                              absl::string_view* last) const {
  absl::string_view key;
  if (!CoversMessage(&levels_[slot.level], entry.data(), entry.data() + entry.size(), open) || !TakeKey(entry, &key) ||
      (again && key <= *last)) {
    return false;
  }
  *last = key;
  return true;
}

bool OutputCheck::CoversRun(const Slot& slot, const char* p, const char* end) {
  while (p != end) {
    uint64_t number;
    p = TakeNumber(slot.element, p, end, &number);
    if (p == nullptr || (slot.examined_elements && !CoversNumber(slot, number))) return false;
  }
  return true;
}

const char* OutputCheck::TakeNumber(Kind kind, const char* p, const char* end, uint64_t* number) {
  switch (kind) {
    case Kind::kVarint:
      return TakeVarint(p, end, number);
    case Kind::kFourBytes:
      return TakeFixed(p, end, 4, number);
    case Kind::kEightBytes:
      return TakeFixed(p, end, 8, number);
    default:
      return nullptr;
  }
}

const OutputCheck::Slot& OutputCheck::Find(const Level& level, uint64_t tag) {
  for (const Slot& slot : level.slots) {
    if (slot.tag == tag) return slot;
  }
  return level.slots[0];
}

bool OutputCheck::CoversText(const Slot& slot, absl::string_view text) {
  const LeafSpec& leaf = *slot.leaf;
  if (leaf.on_card_number != v1::CARD_NUMBER_ACTION_UNSPECIFIED &&
      !std::holds_alternative<v1::Constant>(leaf.transform)) {
    // Digits outside ASCII take two bytes or more.
    size_t digits = 0, not_ascii = 0;
    for (const char c : text) {
      digits += static_cast<uint8_t>(c - '0') < 10;
      not_ascii += static_cast<uint8_t>(c) >= 0x80;
    }
    if (digits + not_ascii / 2 >= kFewestCardDigits && CountDigits(text) >= kFewestCardDigits) return false;
  }
  return IsPlausibleText(leaf, text);
}

bool OutputCheck::CoversNumber(const Slot& slot, uint64_t number) {
  if (IsClosedEnum(*slot.field))
    return slot.field->enum_type()->FindValueByNumber(static_cast<int32_t>(number)) != nullptr;
  const auto* generalise = std::get_if<v1::Generalise>(&slot.leaf->transform);
  if (generalise == nullptr) return true;
  switch (slot.field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_INT64:
      break;
    default:
      return false;  // unsigned and floating point: by comparison
  }
  int64_t value = static_cast<int64_t>(number);
  if (slot.field->type() == FieldDescriptor::TYPE_SINT32 || slot.field->type() == FieldDescriptor::TYPE_SINT64) {
    value = static_cast<int64_t>(number >> 1 ^ (~(number & 1) + 1));
  } else if (slot.field->cpp_type() == FieldDescriptor::CPPTYPE_INT32) {
    value = static_cast<int32_t>(number);
  }
  return generalise->step() > 0 && value % generalise->step() == 0;
}

}  // namespace postern::policy
