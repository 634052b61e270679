// What is left to do after a fast walk, from the fields it saw. In a header because it is a part of every projection
// that a call would lengthen noticeably.
#pragma once

#include <cstdint>
#include <vector>

#include "policy/projection/emitter.h"
#include "policy/projection/fast_report.h"
#include "policy/projection/tables.h"

namespace postern::policy {

inline bool Occurred(const LeafSeen& leaf, const uint64_t* seen) {
  return (seen[leaf.level] >> leaf.bit & 1) != 0;
}

// `seen`: by level, the fields that occurred. `closed`: a bit for each gate.
// A leaf that is required and did not leave, or null.
inline const Leaf* FindMissing(const ProjectionPlan::Tables& tables, const FastReport& report, const uint64_t* seen,
                               uint64_t closed) {
  for (const LeafSeen& required : report.required) {
    const Leaf& leaf = tables.leaves[required.leaf];
    if (!Occurred(required, seen) || (closed >> leaf.gate & 1) != 0) return &leaf;
  }
  return nullptr;
}

// Adds the leaves that are behind closed gates to the bitmap of withheld fields.
inline void ReportGated(const ProjectionPlan::Tables& tables, const FastReport& report, const uint64_t* seen,
                        const Emitter& gates, uint64_t* words) {
  for (const LeafSeen& gated : report.gated) {
    const Leaf& leaf = tables.leaves[gated.leaf];
    if (!Occurred(gated, seen) || gates.IsOpen(leaf)) continue;
    const auto bit = static_cast<size_t>(gated.withheld_bit);
    if (gates.ReasonOf(leaf) == tables.withheld[bit].reason) words[bit / 64] |= uint64_t{1} << (bit % 64);
  }
}

// Makes the bitmap of withheld fields, whatever *bits held. `gates`: null if all are open.
inline void ReportWithheld(const ProjectionPlan::Tables& tables, const FastReport& report, const uint64_t* seen,
                           const Emitter* gates, std::vector<uint64_t>* bits) {
  if (bits->size() != report.words) bits->resize(report.words);
  uint64_t* const words = bits->data();
  const WithheldRun* run = report.withheld.data();
  const WithheldRun* const end = run + report.withheld.size();
  for (size_t word = 0; word < report.words; ++word) {
    uint64_t found = 0;
    for (; run != end && run->word == word; ++run) {
      const uint64_t fields = seen[run->level];
      found |= (fields << run->turn | fields >> (-run->turn & 63)) & run->mask;
    }
    words[word] = found;
  }
  if (gates != nullptr) ReportGated(tables, report, seen, *gates, words);
}

}  // namespace postern::policy
