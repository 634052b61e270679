// The walk for the records that serialisers write: one pass that checks, reads and emits, with one table entry a field.
//
// It handles what is regular (streaming_path.h says what that means) and canonical, and leaves everything else: a
// record that is malformed, irregular, in need of a rewritten value or beyond the limits of FastPlan makes Run return
// false, and the general walks start over. So nothing here has to say what is wrong, and no answer depends on whether
// this walk was taken.
//
// A Sink is where granted bytes go: see single_sink.h.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>

#include "absl/base/optimization.h"
#include "absl/strings/string_view.h"
#include "policy/projection/card_number.h"
#include "policy/projection/emitter.h"
#include "policy/projection/fast_plan.h"
#include "policy/projection/fast_read.h"
#include "policy/projection/list_shape.h"
#include "policy/projection/readings.h"
#include "policy/projection/streaming_path.h"
#include "policy/projection/text_chunk.h"
#include "policy/projection/utf8.h"
#include "policy/projection/wire.h"

namespace postern::policy {

template <typename Sink>
class FastWalk {
 public:
  // `readings` may be null. All must outlive the walk.
  FastWalk(const ProjectionPlan::Tables& tables, const FastPlan& plan, Readings* readings)
      : tables_(tables), plan_(plan), readings_(readings) {
    for (size_t i = 0; i < plan.level_count; ++i) seen_[i] = 0;
  }

  // False: leave the record to the general walks; what the sink and the readings got is void.
  [[gnu::noinline]] bool Run(absl::string_view record, Sink* sink);
  // By level, the fields that occurred in the record: FastEntry::seen.
  const uint64_t* seen() const { return seen_.data(); }

 private:
  static constexpr int kMostSurprises = 8;  // sizes of a repeated field that were not the last one's
  // Elements of one size that follow one another before their shape is learned, which costs as much as walking some;
  // and how many are walked after it was of no use.
  static constexpr int kAlikeBefore = 8, kAlikePause = 64;

  // A message that is being walked: what is needed to go on in the one around it.
  struct Frame {
    const FastLevel* level;
    const char* end;
    const char* content;
    uint64_t seen;
    const FastContainer* container;  // null if it does not leave
    typename Sink::Mark mark;
    uint8_t rank;
    bool emits;
  };
  using Cursor = typename Sink::Cursor;
  // Where a step ended in the record (null: leave), and in the output.
  struct Step {
    const char* at;
    Cursor out;
  };

  static Step Leave(Cursor out) { return {nullptr, out}; }
  // The end of a varint that is canonical for the field and not an implicit zero; null: leave.
  [[gnu::noinline]] static const char* CheckVarint(const FastEntry& entry, const FastLevel& level, const char* value,
                                                   const char* end);
  // The end of a text that can be copied as it is; null: leave.
  [[gnu::noinline]] static const char* CheckText(const FastEntry& entry, const char* value, size_t size);
  [[gnu::noinline]] Step Special(const FastEntry& entry, const FastLevel& level, const char* p, const char* value,
                                 const char* end, int depth, Sink* sink, Cursor out);
  Step SpecialScalar(const FastEntry& entry, const Field& field, const char* p, const char* value, const char* end,
                     Sink* sink, Cursor out);
  Step SpecialText(const FastEntry& entry, const Field& field, const char* p, const char* value, const char* end,
                   Sink* sink, Cursor out);
  Step PackedRun(const FastEntry& entry, const Field& field, const char* p, const char* value, const char* end,
                 const Sink& sink, Cursor out) const;
  // `again`: the map's entry before this one was the last field that mattered.
  [[gnu::noinline]] Step MapEntry(const FastEntry& entry, const FastLevel& level, bool again, const char* value,
                                  const char* p, const char* end, Sink* sink, Cursor out);
  [[gnu::noinline]] Step Value(const FastContainer& container, absl::string_view content, Sink* sink, Cursor out);
  // Behind an element of a list, which was the message in `frame`: takes those that follow and have its shape.
  [[gnu::noinline]] Step AlikeElements(const Frame& frame, const char* p, absl::string_view record, const Sink& sink,
                                       Cursor out);
  // False if another member of the oneof has been there.
  bool TakeOneof(int oneof, int depth) {
    if (ABSL_PREDICT_TRUE(oneof < 0)) return true;
    const uint64_t bit = uint64_t{1} << oneof;
    const bool first = (oneofs_[depth] & bit) == 0;
    oneofs_[depth] |= bit;
    return first;
  }

  const ProjectionPlan::Tables& tables_;
  const FastPlan& plan_;
  Readings* const readings_;
  std::array<uint64_t, kMaxFastLevels> seen_;
  std::array<uint64_t, kMaxFastDepth + 1> oneofs_;
  std::array<Frame, kMaxFastDepth> frames_;
  absl::string_view map_key_;  // of the last entry
  size_t last_size_ = 0;       // of an element of a list
  int alike_ = 0;              // elements of that size before it
};

// Every operation ends with the jump to the next one: a processor predicts each of these jumps by itself, and so learns
// what follows what. One jump at the top of a loop it mispredicts far more often.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"  // labels as values: GCC and Clang
#define POSTERN_NEXT_FIELD()                              \
  do {                                                    \
    if (p == end) goto message_done;                      \
    first = static_cast<uint8_t>(*p);                     \
    value = p + 1;                                        \
    if (ABSL_PREDICT_FALSE(first >= 0x80)) goto long_tag; \
    entry = &level->one_byte[first];                      \
    goto* kOps[static_cast<uint8_t>(entry->op)];          \
  } while (false)
// What matters comes in order, or not here.
#define POSTERN_TAKE_IN_ORDER()                                \
  do {                                                         \
    if (ABSL_PREDICT_FALSE(entry->floor < rank)) return false; \
    rank = entry->rank;                                        \
    seen |= entry->seen;                                       \
  } while (false)

template <typename Sink>
bool FastWalk<Sink>::Run(absl::string_view record, Sink* sink) {
  static const void* const kOps[] = {&&leave,          &&skip_varint,   &&skip_fixed64, &&skip_fixed32,
                                     &&skip_delimited, &&skip_repeated, &&varint,       &&narrow_varint,
                                     &&fixed64,        &&fixed32,       &&bytes,        &&text,
                                     &&guarded_text,   &&message,       &&map_entry,    &&special};
  const char* p = record.data();
  const char* end = p + record.size();
  // Up to here a chunk can be read from what follows.
  const char* const chunk_end = record.size() < TextChunk::kSize ? p : end - TextChunk::kSize + 1;
  const FastLevel* level = &plan_.levels[0];
  const FastEntry* entry;
  const char* value;
  uint64_t seen = 0;
  size_t size, head;
  unsigned rank = 0, first;
  bool narrow;
  int depth = 0;
  Cursor out = sink->begin();
  oneofs_[0] = 0;
  POSTERN_NEXT_FIELD();

long_tag:
  // Two bytes with the numbers up to kTwoByteTags are looked up, others searched.
  if (ABSL_PREDICT_TRUE(value != end && static_cast<uint8_t>(*value) - 1u < FastLevel::kTwoByteTags)) {
    entry = &(*level->two_bytes[static_cast<uint8_t>(*value)])[first & 0x7f];
    ++value;
  } else {
    uint32_t tag;
    value = wire::ReadTag(p, end, &tag);
    if (value == nullptr) return false;
    entry = &level->FindLong(tag);
  }
  goto* kOps[static_cast<uint8_t>(entry->op)];

leave:
  return false;

skip_varint:
  p = fast::SkipVarint(value, end);
  if (ABSL_PREDICT_FALSE(p == nullptr)) return false;
  seen |= entry->seen;
  POSTERN_NEXT_FIELD();

skip_fixed64:
  if (ABSL_PREDICT_FALSE(end - value < 8)) return false;
  p = value + 8;
  seen |= entry->seen;
  POSTERN_NEXT_FIELD();

skip_fixed32:
  if (ABSL_PREDICT_FALSE(end - value < 4)) return false;
  p = value + 4;
  seen |= entry->seen;
  POSTERN_NEXT_FIELD();

skip_delimited:
  value = fast::ReadLength(value, end, &size);
  if (ABSL_PREDICT_FALSE(value == nullptr)) return false;
  p = value + size;
  seen |= entry->seen;
  POSTERN_NEXT_FIELD();

skip_repeated:
  value = fast::ReadLength(value, end, &size);
  if (ABSL_PREDICT_FALSE(value == nullptr)) return false;
  p = value + size;
  seen |= entry->seen;
  // What is repeated is repeated many times, and often at one size. Where that is so, the next place follows from the
  // last size and need not wait until the length there is loaded; after some surprises it does wait.
  for (int surprises = 0; end - p >= 2 && static_cast<uint8_t>(*p) == first;) {
    const auto next = static_cast<uint8_t>(p[1]);
    if (ABSL_PREDICT_FALSE(next >= 0x80)) break;
    if (ABSL_PREDICT_FALSE(next != size || surprises == kMostSurprises)) {
      size = next;
      if (surprises < kMostSurprises) ++surprises;
      asm volatile("");  // a branch, which is predicted, and not a choice, which would wait
    }
    if (ABSL_PREDICT_FALSE(size > static_cast<size_t>(end - p - 2))) return false;
    p += 2 + size;
  }
  POSTERN_NEXT_FIELD();

varint:
  narrow = false;
  goto any_varint;
narrow_varint:
  narrow = true;
any_varint:
  POSTERN_TAKE_IN_ORDER();
  if (ABSL_PREDICT_FALSE(sink->IsClosed(*entry))) goto step_aside;
  if (ABSL_PREDICT_TRUE(p < chunk_end)) {
    const char* const after = fast::EndOfPlainVarint(value, narrow);
    if (ABSL_PREDICT_TRUE(after != nullptr && after <= end)) {
      out = sink->PutShort(*entry, p, static_cast<size_t>(after - p), out);
      p = after;
      POSTERN_NEXT_FIELD();
    }
  }
  value = CheckVarint(*entry, *level, value, end);
  if (ABSL_PREDICT_FALSE(value == nullptr)) return false;
  goto put_short;

fixed64:
  size = 8;
  goto fixed;
fixed32:
  size = 4;
fixed:
  POSTERN_TAKE_IN_ORDER();
  if (ABSL_PREDICT_FALSE(sink->IsClosed(*entry))) goto step_aside;
  if (static_cast<size_t>(end - value) < size) return false;
  {
    uint64_t raw = 0;
    std::memcpy(&raw, value, size);
    if (entry->implicit && raw == 0) return false;
  }
  value += size;
put_short:  // from p to value, at most 15 bytes
  if (ABSL_PREDICT_TRUE(p < chunk_end)) {
    out = sink->PutShort(*entry, p, static_cast<size_t>(value - p), out);
  } else {
    out = sink->PutBytes(*entry, p, static_cast<size_t>(value - p), out);
  }
  p = value;
  POSTERN_NEXT_FIELD();

// A text of one chunk, tag and length included, which is there to be read; all other texts are long ones.
#define POSTERN_TAKE_TEXT()                                                            \
  POSTERN_TAKE_IN_ORDER();                                                             \
  if (ABSL_PREDICT_FALSE(sink->IsClosed(*entry))) goto step_aside;                     \
  if (ABSL_PREDICT_FALSE(p >= chunk_end)) goto long_text;                              \
  size = static_cast<uint8_t>(*value++);                                               \
  head = static_cast<size_t>(value - p);                                               \
  if (ABSL_PREDICT_FALSE(size - 1 >= TextChunk::kSize - head || value + size > end)) { \
    --value;                                                                           \
    goto long_text;                                                                    \
  }                                                                                    \
  const TextChunk chunk(p)
#define POSTERN_PUT_TEXT()                               \
  out = sink->PutChunk(*entry, chunk, head + size, out); \
  p = value + size;                                      \
  POSTERN_NEXT_FIELD()

text : {
  POSTERN_TAKE_TEXT();
  if (ABSL_PREDICT_FALSE(chunk.NotAscii() >> head << (32 - size) != 0) &&
      !utf8::IsValid(absl::string_view(value, size))) {
    return false;
  }
  POSTERN_PUT_TEXT();
}

bytes : {
  POSTERN_TAKE_TEXT();
  POSTERN_PUT_TEXT();
}

guarded_text : {
  POSTERN_TAKE_TEXT();
  const auto inside = static_cast<uint32_t>((uint64_t{1} << size) - 1);
  const uint32_t high = chunk.NotAscii() >> head & inside;
  if (ABSL_PREDICT_FALSE(high != 0) && !utf8::IsValid(absl::string_view(value, size))) return false;
  if (size >= kCardDigits) {
    const uint32_t letters = chunk.Letters() >> head, digits = chunk.Digits() >> head & inside;
    if (fast::MayHoldCardNumber(~letters & inside, digits, high) && HasCardNumber(absl::string_view(value, size))) {
      return false;
    }
  }
  POSTERN_PUT_TEXT();
}

long_text:
  value = fast::ReadLength(value, end, &size);
  if (ABSL_PREDICT_FALSE(value == nullptr)) return false;
  value = CheckText(*entry, value, size);
  if (ABSL_PREDICT_FALSE(value == nullptr)) return false;
  out = sink->PutBytes(*entry, p, static_cast<size_t>(value - p), out);
  p = value;
  POSTERN_NEXT_FIELD();

message:
  POSTERN_TAKE_IN_ORDER();
  value = fast::ReadLength(value, end, &size);
  if (ABSL_PREDICT_FALSE(value == nullptr)) return false;
  {
    const FastContainer& container = plan_.containers[entry->index];
    if (ABSL_PREDICT_FALSE(!TakeOneof(container.oneof, depth))) return false;
    Frame& frame = frames_[depth];
    frame.level = level;
    frame.end = end;
    frame.content = value;
    frame.seen = seen;
    frame.container = &container;
    frame.rank = static_cast<uint8_t>(rank);
    frame.emits = sink->Emits(container);
    if (frame.emits) out = sink->Open(container, size, out, &frame.mark);
    level = container.inner;
  }
  p = value;
  end = value + size;
  seen = 0;
  rank = 0;
  oneofs_[++depth] = 0;
  POSTERN_NEXT_FIELD();

message_done:
  seen_[level->index] |= seen;
  if (depth == 0) {
    sink->Finish(out);
    return true;
  }
  {
    const Frame& frame = frames_[--depth];
    if (frame.emits) out = sink->Close(frame.mark, out);
    if (ABSL_PREDICT_FALSE(frame.container->is_value)) {
      const absl::string_view content(frame.content, static_cast<size_t>(p - frame.content));
      const Step step = Value(*frame.container, content, sink, out);
      if (step.at == nullptr) return false;
      out = step.out;
    }
    if constexpr (Sink::kCopiesLists) {
      if (frame.container->list) {
        const auto element = static_cast<size_t>(p - frame.content);
        alike_ = element == last_size_ ? alike_ + 1 : std::min(alike_, 0);
        last_size_ = element;
        if (ABSL_PREDICT_FALSE(alike_ >= kAlikeBefore)) {
          const Step step = AlikeElements(frame, p, record, *sink, out);
          p = step.at;
          out = step.out;
        }
      }
    }
    level = frame.level;
    end = frame.end;
    seen = frame.seen;
    rank = frame.rank;
  }
  POSTERN_NEXT_FIELD();

map_entry : {
  const bool again = rank == entry->rank;
  POSTERN_TAKE_IN_ORDER();
  const Step step = MapEntry(*entry, *level, again, value, p, end, sink, out);
  if (step.at == nullptr) return false;
  p = step.at;
  out = step.out;
}
  POSTERN_NEXT_FIELD();

special:
  POSTERN_TAKE_IN_ORDER();
step_aside : {
  const Step step = Special(*entry, *level, p, value, end, depth, sink, out);
  if (step.at == nullptr) return false;
  p = step.at;
  out = step.out;
}
  POSTERN_NEXT_FIELD();
}

#undef POSTERN_PUT_TEXT
#undef POSTERN_TAKE_TEXT
#undef POSTERN_TAKE_IN_ORDER
#undef POSTERN_NEXT_FIELD
#pragma GCC diagnostic pop

}  // namespace postern::policy

#include "policy/projection/fast_steps.h"  // IWYU pragma: keep
