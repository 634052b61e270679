// Which withheld fields a record has: the always-on report.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "policy/projection/tables.h"

namespace postern::policy {

// Filled by the streaming walk, which sees every tag of every level that the plan enters.
class Presence {
 public:
  Presence(const ProjectionPlan::Tables& tables, std::vector<uint64_t>* bits)
      : bits_(bits), leaves_(tables.leaves.size(), 0) {
    bits_->assign((tables.withheld.size() + 63) / 64, 0);
  }
  void Known(const Field& field) {
    Set(field.withheld_bit);
    if (field.leaf >= 0) leaves_[field.leaf] = 1;
  }
  void Unknown(const Level& level) { Set(level.unknown_bit); }
  bool HasLeaf(int32_t leaf) const { return leaves_[leaf] != 0; }
  void Set(int32_t bit) {
    if (bit >= 0) (*bits_)[static_cast<size_t>(bit) / 64] |= uint64_t{1} << (bit % 64);
  }

 private:
  std::vector<uint64_t>* const bits_;
  absl::InlinedVector<uint8_t, 64> leaves_;  // granted ones, whether or not their gate opens
};

}  // namespace postern::policy
