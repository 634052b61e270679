// Where the fast walk puts what it grants to several partners at once.
#pragma once

#include <array>
#include <bit>
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
  std::array<SingleSink*, kMaxTargets> sinks{};
  std::array<const ProjectionPlan::Tables*, kMaxTargets> tables{};
  std::array<const Field* const*, kMaxTargets> fields{};  // by leaf of the shared plan
};

// Copied from step to step, like SingleSink; what it points to is shared.
class MultiSink {
 public:
  explicit MultiSink(MultiSinkState* state) : state_(state) {}

  struct Mark {
    unsigned targets;
    std::array<SingleSink::Mark, kMaxTargets> marks;
  };

  bool IsClosed(const FastEntry& entry) const { return TargetsOf(entry) == 0; }
  bool Emits(const FastContainer& container) const { return container.emits && TargetsOf(container) != 0; }

  void PutTwo(const FastEntry& entry, const char* from) {
    ForEach(TargetsOf(entry), [&](int i) { state_->sinks[i]->PutTwo(entry, from); });
  }
  void PutChunk(const FastEntry& entry, const TextChunk& chunk, size_t size) {
    ForEach(TargetsOf(entry), [&](int i) { state_->sinks[i]->PutChunk(entry, chunk, size); });
  }
  void PutBytes(const FastEntry& entry, const char* from, size_t size) {
    ForEach(TargetsOf(entry), [&](int i) { state_->sinks[i]->PutBytes(entry, from, size); });
  }
  void Open(const FastContainer& container, const char* tag, const char* value, size_t size, Mark* mark) {
    mark->targets = TargetsOf(container);
    ForEach(mark->targets, [&](int i) { state_->sinks[i]->Open(container, tag, value, size, &mark->marks[i]); });
  }
  void Close(const Mark& mark) {
    ForEach(mark.targets, [&](int i) { state_->sinks[i]->Close(mark.marks[i]); });
  }

  bool Text(const ProjectionPlan::Tables&, const FastEntry& entry, const Field& field, absl::string_view bytes,
            absl::string_view value) {
    return All(TargetsOf(entry), [&](int i) {
      const Field& own = *state_->fields[i][field.leaf];
      return (!own.check_utf8 || field.check_utf8 || utf8::IsValid(value)) &&
             state_->sinks[i]->Text(*state_->tables[i], entry, own, bytes, value);
    });
  }
  bool Scalar(const ProjectionPlan::Tables&, const FastEntry& entry, const Field& field, absl::string_view bytes,
              bool canonical, uint64_t raw) {
    return All(TargetsOf(entry), [&](int i) {
      return state_->sinks[i]->Scalar(*state_->tables[i], entry, *state_->fields[i][field.leaf], bytes, canonical, raw);
    });
  }
  bool Date(const ProjectionPlan::Tables&, const FastContainer& container, absl::string_view content,
            const DateParts& parts) {
    return All((*state_->leaf_targets)[container.field->leaf], [&](int i) {
      return state_->sinks[i]->Date(*state_->tables[i], *state_->fields[i][container.field->leaf], content, parts);
    });
  }

 private:
  unsigned TargetsOf(const FastEntry& entry) const { return (*state_->leaf_targets)[entry.leaf]; }
  unsigned TargetsOf(const FastContainer& container) const { return state_->container_targets[container.index]; }

  template <typename Each>
  static void ForEach(unsigned targets, Each&& each) {
    for (; targets != 0; targets &= targets - 1) each(std::countr_zero(targets));
  }
  template <typename Each>
  static bool All(unsigned targets, Each&& each) {
    for (; targets != 0; targets &= targets - 1) {
      if (!each(std::countr_zero(targets))) return false;
    }
    return true;
  }

  MultiSinkState* state_;
};

}  // namespace postern::policy
