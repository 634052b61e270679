// Where the fast walk puts what it grants to several partners at once.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/strings/string_view.h"
#include "policy/projection/fast_plan.h"
#include "policy/projection/single_sink.h"
#include "policy/projection/text_chunk.h"
#include "policy/projection/utf8.h"

namespace postern::policy {

inline constexpr size_t kMaxTargets = 8;

// By leaf of a shared plan, a bit for each target.
using LeafTargets = std::array<uint8_t, kMaxSharedLeaves>;

// Targets are handled by fours, always all of a four: what depends on whether a target gets something is a mask and no
// branch.
inline constexpr size_t kLanes = 4;
using LaneMasks = std::array<size_t, kLanes>;
// By the bits of a four: all bits for a target that is in, none for one that is not.
inline constexpr std::array<LaneMasks, 16> kLaneMasks = [] {
  std::array<LaneMasks, 16> masks{};
  for (size_t bits = 0; bits < masks.size(); ++bits) {
    for (size_t lane = 0; lane < kLanes; ++lane) masks[bits][lane] = size_t{0} - (bits >> lane & 1);
  }
  return masks;
}();

// How one partner's plan lies in the shared one.
struct PlanPart {
  const ProjectionPlan::Tables* tables = nullptr;
  std::vector<const Field*> fields;  // its own, by leaf of the shared plan; null where not granted
  FastReport report;                 // its own, from the notes of the shared walk
  std::vector<int32_t> operands;     // by its operand, the shared one
};

// The partners' sinks, the fields of each one's plan by the leaves of the shared one, and what goes to whom.
struct MultiSinkState {
  const LeafTargets* leaf_targets = nullptr;
  const uint8_t* container_targets = nullptr;  // by container of the shared plan
  size_t count = 0;                            // of targets
  const PlanPart* plans = nullptr;             // by target
  std::array<SingleSink, kMaxTargets> sinks;
  std::array<SingleSink::Cursor, kMaxTargets> at;  // of lanes without a target: nowhere
  std::array<char, kSinkSlack> nowhere;            // is written and never read
};

class MultiSink {
 public:
  struct Cursor {};  // each target has its own
  static constexpr bool kCopiesLists = false;

  explicit MultiSink(MultiSinkState* state) : state_(state) {}

  Cursor begin() const {
    state_->at.fill(state_->nowhere.data());
    for (size_t i = 0; i < state_->count; ++i) state_->at[i] = state_->sinks[i].begin();
    return {};
  }
  void Finish(Cursor) {
    for (size_t i = 0; i < state_->count; ++i) state_->sinks[i].Finish(state_->at[i]);
  }

  // The content of a message, whose length stands in the `width` bytes before it. Of targets that do not get it:
  // their cursor.
  struct Mark {
    unsigned targets;
    size_t width;
    std::array<char*, kMaxTargets> content;
  };

  bool IsClosed(const FastEntry& entry) const { return TargetsOf(entry) == 0; }
  bool Emits(const FastContainer& container) const { return container.emits && TargetsOf(container) != 0; }

  Cursor PutTwo(const FastEntry& entry, const char* from, Cursor) const {
    return PutAll(TargetsOf(entry), 2, [&](char* at) { std::memcpy(at, from, 2); });
  }
  Cursor PutShort(const FastEntry& entry, const char* from, size_t size, Cursor) const {
    return PutAll(TargetsOf(entry), size, [&](char* at) { std::memcpy(at, from, 16); });
  }
  Cursor PutChunk(const FastEntry& entry, const TextChunk& chunk, size_t size, Cursor) const {
    return PutAll(TargetsOf(entry), size, [&](char* at) { chunk.Store(at); });
  }
  Cursor PutBytes(const FastEntry& entry, const char* from, size_t size, Cursor) const {
    return ForEach(TargetsOf(entry),
                   [&](SingleSink::Cursor& at, int) { at = SingleSink::PutBytes(entry, from, size, at); });
  }
  Cursor Open(const FastContainer& container, size_t size, Cursor, Mark* mark) const {
    mark->targets = TargetsOf(container);
    mark->width = SingleSink::LengthWidth(size);
    PutAll(mark->targets, container.tag_size + mark->width,
           [&](char* at) { std::memcpy(at, container.tag.data(), container.tag.size()); });
    mark->content = state_->at;
    return {};
  }
  Cursor Close(const Mark& mark, Cursor) const {
    size_t sizes = 0;
    for (size_t four = 0; four < state_->count; four += kLanes) {
      const LaneMasks& masks = kLaneMasks[mark.targets >> four & 15];
#pragma GCC unroll 4
      for (size_t i = 0; i < kLanes; ++i) {
        char* const content = mark.content[four + i];
        const auto size = static_cast<size_t>(state_->at[four + i] - content);
        sizes |= size;
        content[-static_cast<ptrdiff_t>(masks[i] & 1)] = static_cast<char>(size);
      }
    }
    if (ABSL_PREDICT_TRUE(sizes < 0x80 && mark.width == 1)) return {};
    return ForEach(mark.targets, [&](SingleSink::Cursor& at, int i) {
      at = SingleSink::Close({mark.content[static_cast<size_t>(i)], mark.width}, at);
    });
  }

  bool Text(const ProjectionPlan::Tables&, const FastEntry& entry, const Field& field, absl::string_view bytes,
            absl::string_view value, Cursor*) {
    return All(TargetsOf(entry), [&](size_t i) {
      const Field& own = *state_->plans[i].fields[field.leaf];
      return (!own.check_utf8 || field.check_utf8 || utf8::IsValid(value)) &&
             state_->sinks[i].Text(*state_->plans[i].tables, entry, own, bytes, value, &state_->at[i]);
    });
  }
  bool Scalar(const ProjectionPlan::Tables&, const FastEntry& entry, const Field& field, absl::string_view bytes,
              bool canonical, uint64_t raw, Cursor*) {
    return All(TargetsOf(entry), [&](size_t i) {
      return state_->sinks[i].Scalar(*state_->plans[i].tables, entry, *state_->plans[i].fields[field.leaf], bytes,
                                     canonical, raw, &state_->at[i]);
    });
  }
  bool Date(const ProjectionPlan::Tables&, const FastContainer& container, absl::string_view content,
            const DateParts& parts, Cursor*) {
    return All((*state_->leaf_targets)[container.field->leaf], [&](size_t i) {
      return state_->sinks[i].Date(*state_->plans[i].tables, *state_->plans[i].fields[container.field->leaf], content,
                                   parts, &state_->at[i]);
    });
  }
  bool Amount(const ProjectionPlan::Tables&, const FastContainer& container, absl::string_view content, Cursor*) {
    return All((*state_->leaf_targets)[container.field->leaf], [&](size_t i) {
      return state_->sinks[i].Amount(*state_->plans[i].tables, *state_->plans[i].fields[container.field->leaf], content,
                                     &state_->at[i]);
    });
  }

 private:
  unsigned TargetsOf(const FastEntry& entry) const {
    return (*state_->leaf_targets)[entry.leaf];
  }
  unsigned TargetsOf(const FastContainer& container) const {
    return state_->container_targets[container.index];
  }

  // Writes what is short behind every cursor, where there is always room, and moves those of `targets` by `size`.
  template <typename Put>
  Cursor PutAll(unsigned targets, size_t size, Put&& put) const {
    for (size_t four = 0; four < state_->count; four += kLanes) {
      const LaneMasks& masks = kLaneMasks[targets >> four & 15];
      SingleSink::Cursor* const at = &state_->at[four];
#pragma GCC unroll 4
      for (size_t i = 0; i < kLanes; ++i) {
        put(at[i]);
        at[i] += size & masks[i];
      }
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
