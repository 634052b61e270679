#include "policy/projection/general_path.h"

#include <algorithm>

#include "absl/types/span.h"
#include "policy/projection/any_value.h"
#include "policy/projection/delimited_fields.h"
#include "policy/projection/streaming_path.h"

namespace postern::policy {
namespace {

absl::string_view Content(const char* begin, const char* end) {
  return absl::string_view(begin, static_cast<size_t>(end - begin));
}

bool IsUnsignedKey(FieldType type) {
  using google::protobuf::FieldDescriptor;
  return type == FieldDescriptor::TYPE_UINT32 || type == FieldDescriptor::TYPE_UINT64 ||
         type == FieldDescriptor::TYPE_FIXED32 || type == FieldDescriptor::TYPE_FIXED64 ||
         type == FieldDescriptor::TYPE_BOOL;
}

}  // namespace

void GeneralPath::Read(absl::string_view record, Readings* readings) {
  readings_ = readings;
  emitter_ = nullptr;
  Walk(record);
}

void GeneralPath::Emit(absl::string_view record, Emitter* emitter, Presence* presence) {
  readings_ = nullptr;
  emitter_ = emitter;
  presence_ = presence;
  Walk(record);
}

absl::Status GeneralPath::CheckAnys(absl::string_view record, Presence* presence) {
  readings_ = nullptr;
  emitter_ = nullptr;
  presence_ = presence;
  Walk(record);
  return checked_;
}

void GeneralPath::Walk(absl::string_view record) {
  fragments_.assign(1, record);
  WalkMessage(tables_.levels[0], 0);
}

void GeneralPath::WalkMessage(const Level& level, size_t from) {
  const size_t base = occurrences_.size();
  absl::InlinedVector<uint32_t, 8> epochs(level.oneofs, 0);
  absl::InlinedVector<const Field*, 8> members(level.oneofs, nullptr);
  for (size_t i = from; i < fragments_.size(); ++i) {
    IndexFragment(level, fragments_[i], absl::MakeSpan(epochs), absl::MakeSpan(members));
  }
  // Superseded members of oneofs go; what remains is grouped by field, in the order of the record.
  occurrences_.erase(std::remove_if(occurrences_.begin() + static_cast<ptrdiff_t>(base), occurrences_.end(),
                                    [&](const Occurrence& o) {
                                      if (o.field->oneof < 0 || o.epoch == epochs[o.field->oneof]) return false;
                                      if (emitting() && members[o.field->oneof] != o.field)
                                        presence_->Set(o.field->superseded_bit);
                                      return true;
                                    }),
                     occurrences_.end());
  std::sort(occurrences_.begin() + static_cast<ptrdiff_t>(base), occurrences_.end(),
            [](const Occurrence& a, const Occurrence& b) {
              return a.field != b.field ? a.field < b.field
                                        : a.begin < b.begin;  // fields of one level lie in order of number
            });
  const size_t top = occurrences_.size();
  for (size_t i = base; i < top;) {
    size_t j = i + 1;
    while (j < top && occurrences_[j].field == occurrences_[i].field) ++j;
    const Field& field = *occurrences_[i].field;
    if (Matters(field)) HandleField(field, i, j);
    i = j;
  }
  occurrences_.resize(base);
}

void GeneralPath::IndexFragment(const Level& level, absl::string_view fragment, absl::Span<uint32_t> epochs,
                                absl::Span<const Field*> members) {
  const char* p = fragment.data();
  const char* const end = p + fragment.size();
  bool too_deep = false;
  while (p != end) {
    uint32_t tag = 0;
    p = wire::ReadTag(p, end, &tag);
    const Field* field = level.Find(tag);
    if (field == nullptr || !field->tracked) {
      p = wire::SkipValue(tag, p, end, level.depth, &too_deep);
      continue;
    }
    Occurrence occurrence{field, p, nullptr, 0, 0, false};
    const wire::Type type = wire::TypeOf(tag);
    if (type == wire::kDelimited) {
      uint64_t size = 0;
      occurrence.begin = wire::ReadLength(p, end, &size);
      occurrence.end = p = occurrence.begin + size;
      occurrence.packed = field->shape == Shape::kScalar;
    } else if (type == wire::kStartGroup) {
      p = wire::SkipValue(tag, p, end, level.depth, &too_deep);
      occurrence.end = p - wire::VarintSize(wire::MakeTag(field->number, wire::kEndGroup));
    } else {
      occurrence.end = p = wire::ReadScalar(type, p, end, &occurrence.raw);
      if (!IsKnownValue(tables_, *field, occurrence.raw)) continue;
    }
    if (field->oneof >= 0) {
      if (members[field->oneof] != field) {
        members[field->oneof] = field;
        ++epochs[field->oneof];
      }
      occurrence.epoch = epochs[field->oneof];
    }
    occurrences_.push_back(occurrence);
  }
}

void GeneralPath::HandleField(const Field& field, size_t begin, size_t end) {
  if (emitter_ != nullptr) {
    const bool open = field.leaf >= 0 ? emitter_->IsOpen(tables_.leaves[field.leaf]) : emitter_->AnyOpen(field);
    if (!open) return;
  }
  switch (field.shape) {
    case Shape::kScalar:
      return HandleScalars(field, begin, end);
    case Shape::kText:
      return HandleTexts(field, begin, end);
    case Shape::kMessage:
    case Shape::kGroup:
    case Shape::kAny:
      return HandleMessages(field, begin, end);
    case Shape::kMap:
      return HandleMap(field, begin, end);
    case Shape::kOpaque:
      return;
  }
}

template <typename Each>
void GeneralPath::ForEachElement(const Field& field, size_t begin, size_t end, Each&& each) {
  for (size_t i = begin; i < end; ++i) {
    const Occurrence occurrence = occurrences_[i];
    if (!occurrence.packed) {
      each(occurrence.raw);
      continue;
    }
    for (const char* p = occurrence.begin; p != occurrence.end;) {
      uint64_t raw = 0;
      p = wire::ReadScalar(field.wire_type, p, occurrence.end, &raw);
      if (IsKnownValue(tables_, field, raw)) each(raw);
    }
  }
}

void GeneralPath::HandleScalars(const Field& field, size_t begin, size_t end) {
  if (!field.repeated) begin = end - 1;
  if (reading()) {
    ForEachElement(field, begin, end, [&](uint64_t raw) {
      if (!(field.implicit_presence && OperandBits(field.type, raw) == 0)) readings_->Scalar(field, raw);
    });
    return;
  }
  if (!field.packed_output) {
    ForEachElement(field, begin, end, [&](uint64_t raw) { emitter_->Scalar(field, raw); });
    return;
  }
  std::string* out = emitter_->out();
  const size_t start = out->size();
  emitter_->Tag(field, wire::kDelimited);
  wire::Delimited run(out, 0);
  ForEachElement(field, begin, end, [&](uint64_t raw) { emitter_->PackedElement(field, raw); });
  if (out->size() == run.begin()) {
    out->resize(start);
  } else {
    run.Close();
  }
}

void GeneralPath::HandleTexts(const Field& field, size_t begin, size_t end) {
  if (!field.repeated) begin = end - 1;
  for (size_t i = begin; i < end; ++i) {
    const absl::string_view value = Content(occurrences_[i].begin, occurrences_[i].end);
    if (field.implicit_presence && value.empty()) continue;
    if (reading()) {
      readings_->Text(field, value);
    } else {
      emitter_->Text(field, value);
    }
  }
}

void GeneralPath::HandleMessages(const Field& field, size_t begin, size_t end) {
  if (!field.repeated) return HandleMessage(field, begin, end);
  for (size_t i = begin; i < end; ++i) HandleMessage(field, i, i + 1);
}

void GeneralPath::HandleMessage(const Field& field, size_t begin, size_t end) {
  const size_t base = fragments_.size();
  size_t bytes = 0;
  for (size_t i = begin; i < end; ++i) {
    fragments_.push_back(Content(occurrences_[i].begin, occurrences_[i].end));
    bytes += fragments_.back().size();
  }
  const Level& inner = tables_.levels[field.level];
  if (reading()) {
    if (field.date >= 0 && field.reads_begin != field.reads_end) {
      readings_->Date(field, DateAt(field, base));
    }
    WalkMessage(inner, base);
  } else if (field.shape == Shape::kAny) {
    HandleAny(field, base);
  } else if (!emitting()) {
    WalkMessage(inner, base);
  } else if (field.money) {
    emitter_->Amount(field, ReadMoney(absl::MakeConstSpan(fragments_).subspan(base)));
  } else if (field.leaf >= 0) {
    emitter_->Date(field, DateAt(field, base));
  } else if (field.shape == Shape::kGroup) {
    emitter_->Tag(field, wire::kStartGroup);
    WalkMessage(inner, base);
    emitter_->Tag(field, wire::kEndGroup);
  } else {
    emitter_->Tag(field, wire::kDelimited);
    wire::Delimited message(emitter_->out(), bytes);
    WalkMessage(inner, base);
    message.Close();
  }
  fragments_.resize(base);
}

bool GeneralPath::HandleAny(const Field& field, size_t base) {
  const AnyUse& use = tables_.anys[field.any];
  const AnyParts any = ReadAny(absl::MakeConstSpan(fragments_).subspan(base));
  const AnyUse::Packed* const type = use.Find(any.type_url);
  if (!emitting()) {
    CheckAny(use, type, any.value);
    return false;
  }
  if (type == nullptr || !emitter_->AnyOpen(*type)) return false;
  std::string* const out = emitter_->out();
  emitter_->Tag(field, wire::kDelimited);
  wire::Delimited message(out, any.type_url.size() + any.value.size());
  wire::AppendVarint(wire::MakeTag(kAnyTypeUrl, wire::kDelimited), out);
  wire::AppendVarint(any.type_url.size(), out);
  out->append(any.type_url.data(), any.type_url.size());
  const size_t start = out->size();
  wire::AppendVarint(wire::MakeTag(kAnyValue, wire::kDelimited), out);
  wire::Delimited value(out, any.value.size());
  WalkPacked(*type, any.value);
  if (out->size() == value.begin()) {
    out->resize(start);
  } else {
    value.Close();
  }
  message.Close();
  return true;
}

void GeneralPath::CheckAny(const AnyUse& use, const AnyUse::Packed* type, absl::string_view value) {
  if (type == nullptr) {
    presence_->Set(use.withheld_bit);
  } else if (checked_.ok()) {
    checked_ = StreamingPath(tables_, {nullptr, nullptr, presence_}).Run(tables_.levels[type->level], value);
    if (checked_.ok() && type->has_anys) WalkPacked(*type, value);
  }
}

void GeneralPath::WalkPacked(const AnyUse::Packed& type, absl::string_view value) {
  fragments_.push_back(value);
  WalkMessage(tables_.levels[type.level], fragments_.size() - 1);
  fragments_.pop_back();
}

DateParts GeneralPath::DateAt(const Field& field, size_t base) const {
  return ReadDateParts(tables_.dates[field.date], absl::MakeConstSpan(fragments_).subspan(base));
}

bool GeneralPath::ParseEntry(const Level& level, absl::string_view content, Entry* entry) const {
  const Field& key = level.fields[0];
  const Field& value = level.fields[1];
  entry->content = content;
  entry->raw_value = static_cast<uint64_t>(static_cast<int64_t>(value.enum_default));
  const char* p = content.data();
  const char* const end = p + content.size();
  bool too_deep = false;
  while (p != end) {
    uint32_t tag = 0;
    p = wire::ReadTag(p, end, &tag);
    const Field* field = level.Find(tag);
    if (field == nullptr || field->shape == Shape::kMessage || field->shape == Shape::kAny ||
        field->shape == Shape::kOpaque) {
      p = wire::SkipValue(tag, p, end, level.depth, &too_deep);
    } else if (wire::TypeOf(tag) == wire::kDelimited) {
      uint64_t size = 0;
      p = wire::ReadLength(p, end, &size);
      (field == &key ? entry->text_key : entry->text_value) = absl::string_view(p, size);
      p += size;
    } else {
      p = wire::ReadScalar(wire::TypeOf(tag), p, end, field == &key ? &entry->raw_key : &entry->raw_value);
    }
  }
  entry->key = OperandBits(key.type, entry->raw_key);
  return IsKnownValue(tables_, value, entry->raw_value);
}

void GeneralPath::HandleMap(const Field& field, size_t begin, size_t end) {
  const Level& level = tables_.levels[field.level];
  std::vector<Entry> entries;
  for (size_t i = begin; i < end; ++i) {
    Entry entry;
    if (ParseEntry(level, Content(occurrences_[i].begin, occurrences_[i].end), &entry)) entries.push_back(entry);
  }
  // Sorted by key, as deterministic serialisation does: numbers by value, strings by bytes. Of equal keys the last
  // entry counts, whole.
  const bool is_unsigned = IsUnsignedKey(level.fields[0].type);
  std::stable_sort(entries.begin(), entries.end(), [&](const Entry& a, const Entry& b) {
    if (a.key != b.key) return is_unsigned ? a.key < b.key : static_cast<int64_t>(a.key) < static_cast<int64_t>(b.key);
    return a.text_key < b.text_key;
  });
  for (size_t i = 0; i < entries.size(); ++i) {
    const bool superseded = i + 1 < entries.size() && entries[i + 1].key == entries[i].key &&
                            entries[i + 1].text_key == entries[i].text_key;
    if (!superseded) HandleEntry(field, entries[i]);
  }
}

void GeneralPath::HandleEntry(const Field& map, const Entry& entry) {
  const Level& level = tables_.levels[map.level];
  const Field& key = level.fields[0];
  const Field& value = level.fields[1];
  const size_t base = fragments_.size();
  if (value.shape == Shape::kMessage || value.shape == Shape::kAny) PushValueFragments(value, entry.content);
  if (!emitting()) {
    if (value.shape == Shape::kAny) HandleAny(value, base);
    if (reading() && value.date >= 0 && value.reads_begin != value.reads_end)
      readings_->Date(value, DateAt(value, base));
    if (value.shape == Shape::kMessage) WalkMessage(tables_.levels[value.level], base);
    fragments_.resize(base);
    return;
  }
  std::string* out = emitter_->out();
  const size_t start = out->size();
  emitter_->Tag(map, wire::kDelimited);
  wire::Delimited whole(out, entry.content.size());
  emitter_->MapKey(key, map.check_key, level.path, entry.raw_key, entry.text_key);
  bool leaves = true;
  if (value.shape == Shape::kAny) {
    leaves = HandleAny(value, base);
  } else if (value.leaf >= 0 && (value.date >= 0 || value.money)) {
    const size_t before = out->size();
    if (value.money) {
      emitter_->Amount(value, ReadMoney(absl::MakeConstSpan(fragments_).subspan(base)));
    } else {
      emitter_->Date(value, DateAt(value, base));
    }
    leaves = out->size() > before;
  } else if (value.shape == Shape::kMessage) {
    emitter_->Tag(value, wire::kDelimited);
    wire::Delimited message(out, entry.content.size());
    WalkMessage(tables_.levels[value.level], base);
    message.Close();
  } else {
    leaves = emitter_->MapValue(value, entry.raw_value, entry.text_value);
  }
  if (leaves) {
    whole.Close();
  } else {
    out->resize(start);
  }
  fragments_.resize(base);
}

void GeneralPath::PushValueFragments(const Field& value, absl::string_view content) {
  ForEachDelimited(content, [&](uint32_t number, absl::string_view fragment) {
    if (number == value.number) fragments_.push_back(fragment);
  });
}

}  // namespace postern::policy
