// Where the fast walk puts what it grants to one partner: a buffer with room to spare.
#pragma once

#include <cstring>
#include <string>

#include "absl/base/optimization.h"
#include "absl/strings/string_view.h"
#include "policy/projection/card_number.h"
#include "policy/projection/emitter.h"
#include "policy/projection/fast_plan.h"
#include "policy/projection/text_chunk.h"
#include "policy/projection/writer.h"

namespace postern::policy {

// Room that a write may touch beyond what it adds.
inline constexpr size_t kSinkSlack = 64;

// Leaves out what is behind closed gates. The walk keeps the place in the buffer, its cursor, and hands it from step to
// step.
class SingleSink {
 public:
  using Cursor = char*;
  static constexpr bool kHasGates = true;
  static constexpr bool kCopiesLists = true;

  SingleSink() {}  // NOLINT(modernize-use-equals-default,cppcoreguidelines-pro-type-member-init): void
  // The buffer has room for the record, kSinkSlack, and `spare` for values that grow. `emitter` transforms; its output
  // is scratch, and it may be null for plans that only keep. `closed`: a bit for each gate.
  SingleSink(char* begin, size_t spare, Emitter* emitter, uint64_t closed = 0)
      : begin_(begin), end_(begin), spare_(spare), emitter_(emitter), closed_(closed) {}

  // The content of a message, whose length stands in the `width` bytes before it.
  struct Mark {
    char* content;
    size_t width;
  };

  Cursor begin() const { return begin_; }
  // After the walk: what was written.
  void Finish(Cursor at) { end_ = at; }
  absl::string_view output() const { return {begin_, static_cast<size_t>(end_ - begin_)}; }

  uint64_t closed() const { return closed_; }
  bool IsClosed(const FastEntry& entry) const { return (closed_ >> entry.gate & 1) != 0; }
  bool Emits(const FastContainer& container) const { return container.emits && (container.gates & ~closed_) != 0; }

  static Cursor PutTwo(const FastEntry&, const char* from, Cursor at) {
    std::memcpy(at, from, 2);
    return at + 2;
  }
  // Up to 16 bytes, of which all can be read.
  static Cursor PutShort(const FastEntry&, const char* from, size_t size, Cursor at) {
    std::memcpy(at, from, 16);
    return at + size;
  }
  static Cursor PutChunk(const FastEntry&, const TextChunk& chunk, size_t size, Cursor at) {
    chunk.Store(at);
    return at + size;
  }
  static Cursor PutBytes(const FastEntry&, const char* from, size_t size, Cursor at) {
    std::memcpy(at, from, size);
    return at + size;
  }

  // The bytes that a message's length gets: `size` is that of the message in the record. What is granted of a message
  // is usually short, so it is one unless the message is so large that most would have to be withheld.
  static size_t LengthWidth(size_t size) {
    return ABSL_PREDICT_TRUE(size < kShortMessage) ? 1 : wire::VarintSize(size);
  }
  // Begins a message.
  static Cursor Open(const FastContainer& container, size_t size, Cursor at, Mark* mark) {
    std::memcpy(at, container.tag.data(), container.tag.size());
    const size_t width = LengthWidth(size);
    at += container.tag_size + width;
    *mark = {at, width};
    return at;
  }
  static Cursor Close(const Mark& mark, Cursor at) {
    const auto size = static_cast<size_t>(at - mark.content);
    if (ABSL_PREDICT_TRUE(size < 0x80 && mark.width == 1)) {
      mark.content[-1] = static_cast<char>(size);
      return at;
    }
    const size_t width = wire::VarintSize(size);
    char* const length = mark.content - mark.width;
    if (width != mark.width) {
      std::memmove(length + width, mark.content, size);
      at = length + width + size;
    }
    wire::WriteVarint(size, length);
    return at;
  }

  // A leaf that may have to be changed: `bytes` is the whole field, to be copied if it is kept as it is. False: leave
  // the record.
  bool Text(const ProjectionPlan::Tables& tables, const FastEntry& entry, const Field& field, absl::string_view bytes,
            absl::string_view value, Cursor* at) {
    const Leaf& leaf = tables.leaves[field.leaf];
    if (leaf.transform.is_keep()) {
      if (leaf.on_card_number != v1::CARD_NUMBER_ACTION_UNSPECIFIED && HasCardNumber(value)) return false;
      *at = PutBytes(entry, bytes.data(), bytes.size(), *at);
      return true;
    }
    emitter_->Text(field, value);
    return TakeScratch(leaf, bytes.size(), at);
  }
  bool Scalar(const ProjectionPlan::Tables& tables, const FastEntry& entry, const Field& field, absl::string_view bytes,
              bool canonical, uint64_t raw, Cursor* at) {
    const Leaf& leaf = tables.leaves[field.leaf];
    if (leaf.transform.is_keep()) {
      if (canonical) *at = PutBytes(entry, bytes.data(), bytes.size(), *at);
      return canonical;
    }
    emitter_->Scalar(field, raw);
    return TakeScratch(leaf, bytes.size(), at);
  }
  bool Date(const ProjectionPlan::Tables& tables, const FastContainer& container, absl::string_view content,
            const DateParts& parts, Cursor* at) {
    return Date(tables, *container.field, content, parts, at);
  }
  bool Date(const ProjectionPlan::Tables& tables, const Field& field, absl::string_view content, const DateParts& parts,
            Cursor* at) {
    const Leaf& leaf = tables.leaves[field.leaf];
    if ((closed_ >> leaf.gate & 1) != 0) return true;
    emitter_->Date(field, parts);
    return TakeScratch(leaf, content.size(), at);
  }
  bool Amount(const ProjectionPlan::Tables& tables, const FastContainer& container, absl::string_view content,
              Cursor* at) {
    return Amount(tables, *container.field, content, at);
  }
  bool Amount(const ProjectionPlan::Tables& tables, const Field& field, absl::string_view content, Cursor* at) {
    const Leaf& leaf = tables.leaves[field.leaf];
    if ((closed_ >> leaf.gate & 1) != 0) return true;
    emitter_->Amount(field, ReadMoney({content}));
    return TakeScratch(leaf, content.size(), at);
  }

 private:
  static constexpr size_t kShortMessage = 384;

  // Moves what the emitter wrote, which is nothing if the value does not leave, or vanished. False if that has to be
  // told apart (the leaf is required), or there is no room.
  bool TakeScratch(const Leaf& leaf, size_t replaced, Cursor* at) {
    std::string* const scratch = emitter_->out();
    const size_t size = scratch->size();
    if (emitter_->has_card_fault()) return false;
    if (size == 0) return !leaf.required;
    if (size > replaced) {
      const size_t growth = size - replaced + kMaxFastDepth;  // the lengths around it may grow too
      if (growth > spare_) return false;
      spare_ -= growth;
    }
    std::memcpy(*at, scratch->data(), size);
    *at += size;
    scratch->clear();
    return true;
  }

  char* begin_;
  char* end_;
  size_t spare_;
  Emitter* emitter_;
  uint64_t closed_;
};

// The same for plans without gates, so that nothing has to ask.
class OpenSink : public SingleSink {
 public:
  static constexpr bool kHasGates = false;

  OpenSink(char* begin, size_t spare, Emitter* emitter) : SingleSink(begin, spare, emitter, 0) {}
  static constexpr bool IsClosed(const FastEntry&) { return false; }
  static bool Emits(const FastContainer& container) { return container.emits; }
};

}  // namespace postern::policy
