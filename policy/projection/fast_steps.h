// The steps of the fast walk that are not worth a place in its loop. Part of fast_walk.h, which includes it.
#pragma once

#include <algorithm>

#include "policy/projection/fast_walk.h"

namespace postern::policy {

template <typename Sink>
const char* FastWalk<Sink>::CheckText(const FastEntry& entry, const char* value, size_t size) {
  if (size == 0 && entry.implicit) return nullptr;
  if (entry.op == FastOp::kBytes) return value + size;
  const absl::string_view text(value, size);
  const bool guarded = entry.op == FastOp::kGuardedText;
  uint32_t high = 0;
  size_t digits = 0;
  if (size >= TextChunk::kSize) {
    // The last chunk overlaps the one before: a digit counted twice only makes the exact search run once too often.
    for (size_t at = 0; at < size; at += TextChunk::kSize) {
      const TextChunk chunk(value + std::min(at, size - TextChunk::kSize));
      high |= chunk.NotAscii();
      if (guarded) digits += CountBits(chunk.Digits());
    }
  } else {
    high = 1;  // no chunk can be read: ask the exact ones
  }
  if (high != 0 && !utf8::IsValid(text)) return nullptr;
  if (guarded && (high != 0 || digits >= kCardDigits) && HasCardNumber(text)) return nullptr;
  return value + size;
}

template <typename Sink>
const char* FastWalk<Sink>::CheckVarint(const FastEntry& entry, const FastLevel& level, const char* value,
                                        const char* end) {
  uint64_t raw;
  value = wire::ReadVarint(value, end, &raw);
  if (value == nullptr || (raw == 0 && entry.implicit)) return nullptr;
  if (entry.op == FastOp::kNarrowVarint && raw > INT32_MAX &&
      CanonicalScalar(level.level->fields[entry.index].type, raw) != raw) {
    return nullptr;
  }
  return value;
}

template <typename Sink>
auto FastWalk<Sink>::Special(const FastEntry& entry, const FastLevel& level, const char* p, const char* value,
                             const char* end, int depth, Sink* sink, Cursor out) -> Step {
  const Field& field = level.level->fields[entry.index];
  if (!TakeOneof(field.oneof, depth)) return Leave(out);
  const auto type = static_cast<wire::Type>(*p & 7);
  if (field.shape == Shape::kText) return SpecialText(entry, field, p, value, end, sink, out);
  if (field.shape == Shape::kScalar) {
    return type == wire::kDelimited ? PackedRun(entry, field, p, value, end, *sink, out)
                                    : SpecialScalar(entry, field, p, value, end, sink, out);
  }
  bool too_deep = false;
  const uint32_t tag = wire::MakeTag(field.number, type);
  return {wire::SkipValue(tag, value, end, depth, &too_deep), out};
}

template <typename Sink>
auto FastWalk<Sink>::SpecialScalar(const FastEntry& entry, const Field& field, const char* p, const char* value,
                                   const char* end, Sink* sink, Cursor out) -> Step {
  uint64_t raw;
  value = wire::ReadScalar(field.wire_type, value, end, &raw);
  if (value == nullptr || !IsKnownValue(tables_, field, raw)) return Leave(out);
  const bool absent = field.implicit_presence && OperandBits(field.type, raw) == 0;
  if (readings_ != nullptr && field.reads_begin != field.reads_end && !absent) readings_->Scalar(field, raw);
  if (field.leaf < 0 || sink->IsClosed(entry)) return {value, out};
  const uint64_t canonical = CanonicalScalar(field.type, raw);
  if (field.implicit_presence && canonical == 0) return Leave(out);
  const absl::string_view bytes(p, static_cast<size_t>(value - p));
  if (!sink->Scalar(tables_, entry, field, bytes, canonical == raw, raw, &out)) return Leave(out);
  return {value, out};
}

template <typename Sink>
auto FastWalk<Sink>::SpecialText(const FastEntry& entry, const Field& field, const char* p, const char* value,
                                 const char* end, Sink* sink, Cursor out) -> Step {
  size_t size;
  value = fast::ReadLength(value, end, &size);
  if (value == nullptr) return Leave(out);
  const absl::string_view text(value, size);
  if (field.check_utf8 && !utf8::IsValid(text)) return Leave(out);
  const bool absent = field.implicit_presence && size == 0;
  if (readings_ != nullptr && field.reads_begin != field.reads_end && !absent) readings_->Text(field, text);
  if (field.leaf < 0 || sink->IsClosed(entry)) return {value + size, out};
  const absl::string_view bytes(p, static_cast<size_t>(value + size - p));
  if (absent || !sink->Text(tables_, entry, field, bytes, text, &out)) return Leave(out);
  return {value + size, out};
}

template <typename Sink>
auto FastWalk<Sink>::PackedRun(const FastEntry& entry, const Field& field, const char* p, const char* value,
                               const char* end, const Sink& sink, Cursor out) const -> Step {
  size_t size;
  value = fast::ReadLength(value, end, &size);
  if (value == nullptr || size == 0 || field.leaf < 0 || !tables_.leaves[field.leaf].transform.is_keep()) {
    return Leave(out);
  }
  const char* const run_end = value + size;
  while (value != run_end) {
    uint64_t raw;
    value = wire::ReadScalar(field.wire_type, value, run_end, &raw);
    if (value == nullptr || CanonicalScalar(field.type, raw) != raw || !IsKnownValue(tables_, field, raw)) {
      return Leave(out);
    }
  }
  if (sink.IsClosed(entry)) return {value, out};
  return {value, sink.PutBytes(entry, p, static_cast<size_t>(value - p), out)};
}

// As a serialiser writes it: key, value and nothing else, with a key above that of the entry before.
template <typename Sink>
auto FastWalk<Sink>::MapEntry(const FastEntry& entry, const FastLevel& level, bool again, const char* value,
                              const char* p, const char* end, Sink* sink, Cursor out) -> Step {
  const Field& map = level.level->fields[entry.index];
  const Field& key = tables_.levels[map.level].fields[0];
  const Field& held = tables_.levels[map.level].fields[1];
  const auto is_tag = [](const char* at, const char* limit, const Field& field) {
    return at != limit && static_cast<uint8_t>(*at) == wire::MakeTag(field.number, field.wire_type);
  };
  size_t size;
  value = fast::ReadLength(value, end, &size);
  if (value == nullptr) return Leave(out);
  const char* const entry_end = value + size;
  if (!is_tag(value, entry_end, key)) return Leave(out);
  value = fast::ReadLength(value + 1, entry_end, &size);
  if (value == nullptr) return Leave(out);
  const absl::string_view name(value, size);
  if ((again && name <= map_key_) || (key.check_utf8 && !utf8::IsValid(name))) return Leave(out);
  map_key_ = name;
  value += size;
  if (!is_tag(value, entry_end, held)) return Leave(out);
  const uint64_t held_seen = plan_.levels[static_cast<size_t>(map.level)].one_byte[static_cast<uint8_t>(*value)].seen;
  absl::string_view text;
  if (held.shape == Shape::kText) {
    value = fast::ReadLength(value + 1, entry_end, &size);
    if (value == nullptr) return Leave(out);
    text = absl::string_view(value, size);
    if (held.check_utf8 && !utf8::IsValid(text)) return Leave(out);
    value += size;
  } else {
    uint64_t raw;
    value = wire::ReadScalar(held.wire_type, value + 1, entry_end, &raw);
    if (value == nullptr || CanonicalScalar(held.type, raw) != raw || !IsKnownValue(tables_, held, raw)) {
      return Leave(out);
    }
  }
  if (value != entry_end) return Leave(out);
  seen_[static_cast<size_t>(map.level)] |= held_seen;
  if (sink->IsClosed(entry)) return {value, out};
  const bool guarded = held.type == google::protobuf::FieldDescriptor::TYPE_STRING &&
                       tables_.leaves[held.leaf].on_card_number != v1::CARD_NUMBER_ACTION_UNSPECIFIED;
  if ((map.check_key && HasCardNumber(name)) || (guarded && HasCardNumber(text))) return Leave(out);
  return {value, sink->PutBytes(entry, p, static_cast<size_t>(value - p), out)};
}

template <typename Sink>
auto FastWalk<Sink>::Value(const FastContainer& container, absl::string_view content, Sink* sink, Cursor out) -> Step {
  const Field& field = *container.field;
  if (field.money) {
    if (!sink->Amount(tables_, container, content, &out)) return Leave(out);
    return {content.data() + content.size(), out};
  }
  const DateParts parts = ReadDateParts(tables_.dates[field.date], {content});
  if (readings_ != nullptr && field.reads_begin != field.reads_end) readings_->Date(field, parts);
  if (field.leaf >= 0 && !sink->Date(tables_, container, content, parts, &out)) return Leave(out);
  return {content.data() + content.size(), out};
}

template <typename Sink>
auto FastWalk<Sink>::AlikeElements(const Frame& frame, const char* p, absl::string_view record, const Sink& sink,
                                   Cursor out) -> Step {
  alike_ = -kAlikePause;
  if constexpr (Sink::kCopiesLists) {
    const FastContainer& container = *frame.container;
    if (!frame.emits || frame.mark.width != 1) return {p, out};
    const size_t size = last_size_ + container.tag_size + wire::VarintSize(last_size_);
    const char* const before = frame.mark.content - 1 - container.tag_size;
    ListShape shape;
    if (!shape.Learn(plan_, container, absl::string_view(p - size, size),
                     absl::string_view(before, static_cast<size_t>(out - before)), sink.closed())) {
      return {p, out};
    }
    const char* const record_end = record.data() + record.size();
    int taken = 0;
    for (; size <= static_cast<size_t>(frame.end - p) &&
           size + ListShape::kSlack <= static_cast<size_t>(record_end - p) && shape.Matches(p);
         p += size) {
      out = shape.Write(p, out);
      ++taken;
    }
    if (taken >= kAlikeBefore) alike_ = 0;
  }
  return {p, out};
}

}  // namespace postern::policy
