// What a fast walk's notes of the fields it saw mean for one plan: the withheld report, and which leaves were there.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "policy/projection/tables.h"

namespace postern::policy {

struct FastPlan;

// Of the fields seen in a level, turned left by `turn`, those in `mask` are bits of one word of the withheld report.
struct WithheldRun {
  uint64_t mask = 0;
  uint32_t word = 0;
  uint8_t level = 0;
  uint8_t turn = 0;
};

// Where to look whether a leaf was there.
struct LeafSeen {
  int32_t leaf = 0;
  int32_t withheld_bit = -1;
  uint8_t level = 0;
  uint8_t bit = 0;
};

struct FastReport {
  size_t words = 0;                   // of the report
  std::vector<WithheldRun> withheld;  // by word
  std::vector<LeafSeen> required;     // by leaf
  std::vector<LeafSeen> gated;        // by withheld bit that a closed gate sets
};

// The report of the plan `tables` from the notes of a walk by `walked`, which is its own fast plan or one that it
// shares with others; `levels`: by level of `tables`, the one of `walked`.
FastReport BuildFastReport(const ProjectionPlan::Tables& tables, const FastPlan& walked,
                           absl::Span<const uint8_t> levels);

}  // namespace postern::policy
