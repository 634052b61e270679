// What is left to do after a fast walk, from the fields it saw. In a header because it is a part of every projection
// that a call would lengthen noticeably.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "policy/projection/emitter.h"
#include "policy/projection/fast_plan.h"
#include "policy/projection/tables.h"

namespace postern::policy {

inline bool Occurred(const LeafSeen& leaf, absl::Span<const uint64_t> seen) {
  return (seen[leaf.level] >> leaf.bit & 1) != 0;
}

// `seen`: by level, the fields that occurred. `closed`: a bit for each gate.
// A leaf that is required and did not leave, or null.
inline const Leaf* FindMissing(const ProjectionPlan::Tables& tables, absl::Span<const uint64_t> seen, uint64_t closed) {
  for (const LeafSeen& required : tables.fast->required) {
    const Leaf& leaf = tables.leaves[required.leaf];
    if (!Occurred(required, seen) || (closed >> leaf.gate & 1) != 0) return &leaf;
  }
  return nullptr;
}

// Fills the bitmap of withheld fields. `gates`: null if all are open.
inline void ReportWithheld(const ProjectionPlan::Tables& tables, absl::Span<const uint64_t> seen, const Emitter* gates,
                           std::vector<uint64_t>* bits) {
  bits->assign((tables.withheld.size() + 63) / 64, 0);
  uint64_t* const words = bits->data();
  // Neighbouring runs mostly share a word, which stays in a register.
  uint32_t word = 0;
  uint64_t found = 0;
  for (const WithheldRun& run : tables.fast->withheld) {
    if (run.word != word) {
      words[word] |= found;
      word = run.word;
      found = 0;
    }
    found |= (seen[run.level] >> run.shift & run.mask) << run.to;
  }
  if (found != 0) words[word] |= found;
  if (gates == nullptr) return;
  for (const LeafSeen& gated : tables.fast->gated) {
    const Leaf& leaf = tables.leaves[gated.leaf];
    if (!Occurred(gated, seen) || gates->IsOpen(leaf)) continue;
    const auto bit = static_cast<size_t>(gated.withheld_bit);
    if (gates->ReasonOf(leaf) == tables.withheld[bit].reason) words[bit / 64] |= uint64_t{1} << (bit % 64);
  }
}

}  // namespace postern::policy
