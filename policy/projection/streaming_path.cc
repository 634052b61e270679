#include "policy/projection/streaming_path.h"

#include <algorithm>

#include "policy/projection/errors.h"
#include "policy/projection/utf8.h"

namespace postern::policy {

bool IsKnownValue(const ProjectionPlan::Tables& tables, const Field& field, uint64_t raw) {
  if (field.enum_values < 0) return true;
  const std::vector<int32_t>& known = tables.enums[field.enum_values];
  return std::binary_search(known.begin(), known.end(), static_cast<int32_t>(raw));
}

absl::Status StreamingPath::Run(const Level& level, absl::string_view message) {
  const char* const end = message.data() + message.size();
  if (WalkLevel(level, message.data(), end, 0, true) != nullptr || failed_path_ == nullptr) return absl::OkStatus();
  return too_deep_ ? errors::RecordTooDeep(*failed_path_) : errors::RecordMalformed(*failed_path_);
}

const char* StreamingPath::Fail(const std::string& path) {
  failed_path_ = &path;
  return nullptr;
}

const char* StreamingPath::WalkLevel(const Level& level, const char* p, const char* end, uint32_t group, bool emit) {
  Order order;
  while (p != end) {
    uint32_t tag;
    p = wire::ReadTag(p, end, &tag);
    if (p == nullptr) return Fail(level.path);
    if (wire::TypeOf(tag) == wire::kEndGroup) return group != 0 && wire::NumberOf(tag) == group ? p : Fail(level.path);
    const Field* field = level.Find(tag);
    if (field != nullptr) {
      if (sinks_.presence != nullptr) sinks_.presence->Known(*field);
      p = WalkField(level, *field, tag, p, end, emit, &order);
      if (p == nullptr) return nullptr;
    } else {
      if (sinks_.presence != nullptr) sinks_.presence->Unknown(level);
      p = wire::SkipValue(tag, p, end, level.depth, &too_deep_);
      if (p == nullptr) return Fail(level.path);
    }
  }
  return group == 0 ? p : Fail(level.path);
}

const char* StreamingPath::WalkField(const Level& level, const Field& field, uint32_t tag, const char* p,
                                     const char* end, bool emit, Order* order) {
  if (reads_only_ && !field.has_reads && (field.shape != Shape::kScalar || field.repeated)) {
    if (field.tracked) Observe(field, order);
    p = wire::SkipValue(tag, p, end, level.depth, &too_deep_);
    return p == nullptr ? Fail(level.PathOf(field)) : p;
  }
  switch (field.shape) {
    case Shape::kScalar:
      if (wire::TypeOf(tag) == wire::kDelimited) return WalkPacked(level, field, p, end, emit, order);
      return WalkScalar(level, field, p, end, emit, order);
    case Shape::kText:
      return WalkText(level, field, p, end, emit, order);
    case Shape::kMessage:
      return WalkMessage(level, field, p, end, emit, order);
    case Shape::kMap:
    case Shape::kAny:
      regular_ = false;
      return WalkMessage(level, field, p, end, false, order);
    case Shape::kGroup:
      return WalkGroup(field, p, end, emit, order);
    case Shape::kOpaque:
      break;
  }
  if (field.tracked) Observe(field, order);
  p = wire::SkipValue(tag, p, end, level.depth, &too_deep_);
  return p == nullptr ? Fail(level.PathOf(field)) : p;
}

const char* StreamingPath::WalkScalar(const Level& level, const Field& field, const char* p, const char* end, bool emit,
                                      Order* order) {
  uint64_t raw;
  p = wire::ReadScalar(field.wire_type, p, end, &raw);
  if (p == nullptr) return Fail(level.PathOf(field));
  if (!field.tracked || !IsKnownValue(tables_, field, raw)) return p;
  Observe(field, order);
  if (field.packed_output && field.leaf >= 0) regular_ = false;  // has to be packed
  if (Reads(field) && !(field.implicit_presence && OperandBits(field.type, raw) == 0))
    sinks_.readings->Scalar(field, raw);
  if (Emits(field, emit)) sinks_.emitter->Scalar(field, raw);
  return p;
}

const char* StreamingPath::WalkPacked(const Level& level, const Field& field, const char* p, const char* end, bool emit,
                                      Order* order) {
  uint64_t size;
  p = wire::ReadLength(p, end, &size);
  if (p == nullptr) return Fail(level.PathOf(field));
  const char* const run_end = p + size;
  if (field.packed_output && order->last == field.number) regular_ = false;  // two runs to be joined
  Observe(field, order);
  const bool emits = Emits(field, emit);
  const auto walk = [&](auto&& each) -> const char* {
    for (const char* q = p; q != run_end;) {
      uint64_t raw;
      q = wire::ReadScalar(field.wire_type, q, run_end, &raw);
      if (q == nullptr) return Fail(level.PathOf(field));
      if (IsKnownValue(tables_, field, raw)) each(raw);
    }
    return run_end;
  };
  if (!emits) return walk([](uint64_t) {});
  if (!field.packed_output) return walk([&](uint64_t raw) { sinks_.emitter->Scalar(field, raw); });
  std::string* out = sinks_.emitter->out();
  const size_t start = out->size();
  sinks_.emitter->Tag(field, wire::kDelimited);
  wire::Delimited run(out, size);
  if (walk([&](uint64_t raw) { sinks_.emitter->PackedElement(field, raw); }) == nullptr) return nullptr;
  if (out->size() == run.begin()) {
    out->resize(start);
  } else {
    run.Close();
  }
  return run_end;
}

const char* StreamingPath::WalkText(const Level& level, const Field& field, const char* p, const char* end, bool emit,
                                    Order* order) {
  uint64_t size;
  p = wire::ReadLength(p, end, &size);
  if (p == nullptr) return Fail(level.PathOf(field));
  const absl::string_view value(p, size);
  if (field.check_utf8 && !utf8::IsValid(value)) return Fail(level.PathOf(field));
  Observe(field, order);
  if (Reads(field) && !(field.implicit_presence && value.empty())) sinks_.readings->Text(field, value);
  if (Emits(field, emit)) sinks_.emitter->Text(field, value);
  return p + size;
}

const char* StreamingPath::WalkMessage(const Level& level, const Field& field, const char* p, const char* end,
                                       bool emit, Order* order) {
  uint64_t size;
  p = wire::ReadLength(p, end, &size);
  if (p == nullptr) return Fail(level.PathOf(field));
  Observe(field, order);
  const Level& inner = tables_.levels[field.level];
  if (field.leaf < 0 && Emits(field, emit)) {
    sinks_.emitter->Tag(field, wire::kDelimited);
    wire::Delimited message(sinks_.emitter->out(), size);
    if (WalkLevel(inner, p, p + size, 0, true) == nullptr && failed_path_ != nullptr) return nullptr;
    if (regular_) message.Close();
  } else if (WalkLevel(inner, p, p + size, 0, false) == nullptr && failed_path_ != nullptr) {
    return nullptr;
  }
  if (field.date >= 0) HandleDate(field, absl::string_view(p, size), emit);
  if (field.money && Emits(field, emit)) sinks_.emitter->Amount(field, ReadMoney({absl::string_view(p, size)}));
  return p + size;
}

const char* StreamingPath::WalkGroup(const Field& field, const char* p, const char* end, bool emit, Order* order) {
  Observe(field, order);
  const Level& inner = tables_.levels[field.level];
  const bool emits = Emits(field, emit);
  if (emits) sinks_.emitter->Tag(field, wire::kStartGroup);
  p = WalkLevel(inner, p, end, field.number, emits);
  if (emits && regular_) sinks_.emitter->Tag(field, wire::kEndGroup);
  return p;
}

void StreamingPath::HandleDate(const Field& field, absl::string_view content, bool emit) {
  const bool emits = field.leaf >= 0 && Emits(field, emit);
  if (!emits && !Reads(field)) return;
  const DateParts parts = ReadDateParts(tables_.dates[field.date], {content});
  if (Reads(field)) sinks_.readings->Date(field, parts);
  if (emits) sinks_.emitter->Date(field, parts);
}

void StreamingPath::Observe(const Field& field, Order* order) {
  if (!field.tracked) return;
  if (field.number < order->last || (field.number == order->last && !field.repeated)) regular_ = false;
  order->last = field.number;
  if (field.oneof < 0) return;
  // A bit for each oneof; a level with more than 64 of them is never regular.
  const uint64_t bit = field.oneof < 64 ? uint64_t{1} << field.oneof : 0;
  if (bit == 0 || (order->oneofs & bit) != 0) regular_ = false;
  order->oneofs |= bit;
}

bool StreamingPath::Emits(const Field& field, bool emit) const {
  if (!regular_ || !emit || sinks_.emitter == nullptr || !field.has_grants) return false;
  return field.leaf >= 0 ? sinks_.emitter->IsOpen(tables_.leaves[field.leaf]) : sinks_.emitter->AnyOpen(field);
}

}  // namespace postern::policy
