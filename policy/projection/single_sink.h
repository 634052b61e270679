// Where the fast walk puts what it grants to one partner: a buffer with room to spare.
#pragma once

#include <cstring>
#include <string>

#include "absl/strings/string_view.h"
#include "policy/projection/card_number.h"
#include "policy/projection/emitter.h"
#include "policy/projection/fast_plan.h"
#include "policy/projection/text_chunk.h"
#include "policy/projection/writer.h"

namespace postern::policy {

// Room that a write may touch beyond what it adds.
inline constexpr size_t kSinkSlack = 64;

// Copied from step to step of the walk, so it is small.
class SingleSink {
 public:
  // The buffer has room for the record, kSinkSlack, and `spare` for values that grow. `emitter` transforms; its output
  // is scratch, and it may be null for plans that only keep. `closed`: a bit for each gate.
  SingleSink(char* begin, size_t spare, Emitter* emitter, uint64_t closed)
      : at_(begin), spare_(spare), emitter_(emitter), closed_(closed) {}

  // The content of a message, whose length stands in the `width` bytes before it.
  struct Mark {
    char* content;
    size_t width;
  };

  char* at() const { return at_; }
  bool IsClosed(const FastEntry& entry) const { return (closed_ >> entry.gate & 1) != 0; }
  bool Emits(const FastContainer& container) const { return container.emits && (container.gates & ~closed_) != 0; }

  void PutTwo(const FastEntry&, const char* from) {
    std::memcpy(at_, from, 2);
    at_ += 2;
  }
  void PutChunk(const FastEntry&, const TextChunk& chunk, size_t size) {
    chunk.Store(at_);
    at_ += size;
  }
  void PutBytes(const FastEntry&, const char* from, size_t size) {
    std::memcpy(at_, from, size);
    at_ += size;
  }

  // Begins a message: `tag` to `value` are its tag and length as they stand in the record. What is granted of a message
  // is usually short, so the length gets one byte unless the message is so large that most would have to be withheld.
  void Open(const FastContainer&, const char* tag, const char* value, size_t size, Mark* mark) {
    const size_t width = wire::VarintSize(size), head = static_cast<size_t>(value - tag) - width;
    at_[0] = tag[0];
    if (head > 1) std::memcpy(at_, tag, head);
    const size_t expected = size < kShortMessage ? 1 : width;
    at_ += head + expected;
    *mark = {at_, expected};
  }
  void Close(const Mark& mark) {
    const auto size = static_cast<size_t>(at_ - mark.content);
    if (size < 0x80 && mark.width == 1) {
      mark.content[-1] = static_cast<char>(size);
      return;
    }
    const size_t width = wire::VarintSize(size);
    char* const length = mark.content - mark.width;
    if (width != mark.width) {
      std::memmove(length + width, mark.content, size);
      at_ = length + width + size;
    }
    wire::WriteVarint(size, length);
  }

  // A leaf that may have to be changed: `bytes` is the whole field, to be copied if it is kept as it is. False: leave
  // the record.
  bool Text(const ProjectionPlan::Tables& tables, const FastEntry& entry, const Field& field, absl::string_view bytes,
            absl::string_view value) {
    const Leaf& leaf = tables.leaves[field.leaf];
    if (leaf.transform.is_keep()) {
      if (leaf.on_card_number != v1::CARD_NUMBER_ACTION_UNSPECIFIED && HasCardNumber(value)) return false;
      PutBytes(entry, bytes.data(), bytes.size());
      return true;
    }
    emitter_->Text(field, value);
    return TakeScratch(bytes.size());
  }
  bool Scalar(const ProjectionPlan::Tables& tables, const FastEntry& entry, const Field& field, absl::string_view bytes,
              bool canonical, uint64_t raw) {
    if (tables.leaves[field.leaf].transform.is_keep()) {
      if (canonical) PutBytes(entry, bytes.data(), bytes.size());
      return canonical;
    }
    emitter_->Scalar(field, raw);
    return TakeScratch(bytes.size());
  }
  bool Date(const ProjectionPlan::Tables& tables, const FastContainer& container, absl::string_view content,
            const DateParts& parts) {
    return Date(tables, *container.field, content, parts);
  }
  bool Date(const ProjectionPlan::Tables& tables, const Field& field, absl::string_view content,
            const DateParts& parts) {
    if ((closed_ >> tables.leaves[field.leaf].gate & 1) != 0) return true;
    emitter_->Date(field, parts);
    return TakeScratch(content.size());
  }

 private:
  static constexpr size_t kShortMessage = 384;

  // Moves what the emitter wrote. False if it wrote nothing (the value does not leave, or vanished) or there is no
  // room.
  bool TakeScratch(size_t replaced) {
    std::string* const scratch = emitter_->out();
    const size_t size = scratch->size();
    if (size == 0 || emitter_->has_card_fault()) return false;
    if (size > replaced) {
      const size_t growth = size - replaced + kMaxFastDepth;  // the lengths around it may grow too
      if (growth > spare_) return false;
      spare_ -= growth;
    }
    std::memcpy(at_, scratch->data(), size);
    at_ += size;
    scratch->clear();
    return true;
  }

  char* at_;
  size_t spare_;
  Emitter* emitter_;
  uint64_t closed_;
};

}  // namespace postern::policy
