// Where the fast walk puts what it grants to several partners at once.
#pragma once

#include <array>
#include <cstring>

#include "absl/strings/string_view.h"
#include "policy/projection/fast_plan.h"
#include "policy/projection/single_sink.h"
#include "policy/projection/text_chunk.h"
#include "policy/projection/utf8.h"

namespace postern::policy {

inline constexpr size_t kMaxTargets = 8;

// By leaf of a shared plan, a bit for each target.
using LeafTargets = std::array<uint8_t, kMaxSharedLeaves>;

// The partners' sinks, the fields of each one's plan by the leaves of the shared one, and what goes to whom.
struct MultiSinkState {
  const LeafTargets* leaf_targets = nullptr;
  const uint8_t* container_targets = nullptr;  // by container of the shared plan
  size_t count = 0;                            // of targets
  std::array<SingleSink*, kMaxTargets> sinks{};
  std::array<SingleSink::Cursor, kMaxTargets> at{};
  std::array<const ProjectionPlan::Tables*, kMaxTargets> tables{};
  std::array<const Field* const*, kMaxTargets> fields{};  // by leaf of the shared plan
};

class MultiSink {
 public:
  struct Cursor {};  // each target has its own

  explicit MultiSink(MultiSinkState* state) : state_(state) {}

  Cursor begin() const {
    for (size_t i = 0; i < state_->count; ++i) state_->at[i] = state_->sinks[i]->begin();
    return {};
  }
  void Finish(Cursor) {
    for (size_t i = 0; i < state_->count; ++i) state_->sinks[i]->Finish(state_->at[i]);
  }

  struct Mark {
    unsigned targets;
    std::array<SingleSink::Mark, kMaxTargets> marks;
  };

  bool IsClosed(const FastEntry& entry) const { return TargetsOf(entry) == 0; }
  bool Emits(const FastContainer& container) const { return container.emits && TargetsOf(container) != 0; }

  Cursor PutTwo(const FastEntry& entry, const char* from, Cursor) const {
    return PutAll(entry, 2, [&](char* at) { std::memcpy(at, from, 2); });
  }
  Cursor PutShort(const FastEntry& entry, const char* from, size_t size, Cursor) const {
    return PutAll(entry, size, [&](char* at) { std::memcpy(at, from, 16); });
  }
  Cursor PutChunk(const FastEntry& entry, const TextChunk& chunk, size_t size, Cursor) const {
    return PutAll(entry, size, [&](char* at) { chunk.Store(at); });
  }
  Cursor PutBytes(const FastEntry& entry, const char* from, size_t size, Cursor) const {
    return ForEach(TargetsOf(entry),
                   [&](SingleSink::Cursor& at, int) { at = SingleSink::PutBytes(entry, from, size, at); });
  }
  Cursor Open(const FastContainer& container, const char* tag, const char* value, size_t size, Cursor,
              Mark* mark) const {
    mark->targets = TargetsOf(container);
    return ForEach(mark->targets, [&](SingleSink::Cursor& at, int i) {
      at = SingleSink::Open(container, tag, value, size, at, &mark->marks[static_cast<size_t>(i)]);
    });
  }
  Cursor Close(const Mark& mark, Cursor) const {
    return ForEach(mark.targets, [&](SingleSink::Cursor& at, int i) {
      at = SingleSink::Close(mark.marks[static_cast<size_t>(i)], at);
    });
  }

  bool Text(const ProjectionPlan::Tables&, const FastEntry& entry, const Field& field, absl::string_view bytes,
            absl::string_view value, Cursor*) {
    return All(TargetsOf(entry), [&](size_t i) {
      const Field& own = *state_->fields[i][field.leaf];
      return (!own.check_utf8 || field.check_utf8 || utf8::IsValid(value)) &&
             state_->sinks[i]->Text(*state_->tables[i], entry, own, bytes, value, &state_->at[i]);
    });
  }
  bool Scalar(const ProjectionPlan::Tables&, const FastEntry& entry, const Field& field, absl::string_view bytes,
              bool canonical, uint64_t raw, Cursor*) {
    return All(TargetsOf(entry), [&](size_t i) {
      return state_->sinks[i]->Scalar(*state_->tables[i], entry, *state_->fields[i][field.leaf], bytes, canonical, raw,
                                      &state_->at[i]);
    });
  }
  bool Date(const ProjectionPlan::Tables&, const FastContainer& container, absl::string_view content,
            const DateParts& parts, Cursor*) {
    return All((*state_->leaf_targets)[container.field->leaf], [&](size_t i) {
      return state_->sinks[i]->Date(*state_->tables[i], *state_->fields[i][container.field->leaf], content, parts,
                                    &state_->at[i]);
    });
  }
  bool Amount(const ProjectionPlan::Tables&, const FastContainer& container, absl::string_view content, Cursor*) {
    return All((*state_->leaf_targets)[container.field->leaf], [&](size_t i) {
      return state_->sinks[i]->Amount(*state_->tables[i], *state_->fields[i][container.field->leaf], content,
                                      &state_->at[i]);
    });
  }

 private:
  unsigned TargetsOf(const FastEntry& entry) const { return (*state_->leaf_targets)[entry.leaf]; }
  unsigned TargetsOf(const FastContainer& container) const { return state_->container_targets[container.index]; }

  // Writes what is short behind every target's cursor, where there is always room, and moves the cursors of those that
  // get it by `size`: no branch depends on who they are.
  template <typename Put>
  Cursor PutAll(const FastEntry& entry, size_t size, Put&& put) const {
    const size_t targets = TargetsOf(entry);
    for (size_t i = 0; i < state_->count; ++i) {
      put(state_->at[i]);
      state_->at[i] += size & (size_t{0} - (targets >> i & 1));
    }
    return {};
  }
  template <typename Each>
  Cursor ForEach(unsigned targets, Each&& each) const {
    for (; targets != 0; targets &= targets - 1) {
      const int i = __builtin_ctz(targets);
      each(state_->at[static_cast<size_t>(i)], i);
    }
    return {};
  }
  template <typename Each>
  static bool All(unsigned targets, Each&& each) {
    for (; targets != 0; targets &= targets - 1) {
      if (!each(static_cast<size_t>(__builtin_ctz(targets)))) return false;
    }
    return true;
  }

  MultiSinkState* state_;
};

}  // namespace postern::policy
