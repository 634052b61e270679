#include "policy/projection/fast_report.h"

#include <algorithm>

#include "policy/projection/fast_plan.h"

namespace postern::policy {
namespace {

// Fields that stand at one distance from their bits in the report share a run.
void AddWithheld(int32_t withheld_bit, uint8_t level, unsigned seen_bit, std::vector<WithheldRun>* runs) {
  if (withheld_bit < 0) return;
  const auto at = static_cast<unsigned>(withheld_bit) % 64;
  WithheldRun run;
  run.mask = uint64_t{1} << at;
  run.word = static_cast<uint32_t>(withheld_bit) / 64;
  run.level = level;
  run.turn = static_cast<uint8_t>((at - seen_bit) % 64);
  const auto same = std::find_if(runs->begin(), runs->end(), [&](const WithheldRun& known) {
    return known.word == run.word && known.level == run.level && known.turn == run.turn;
  });
  if (same != runs->end()) {
    same->mask |= run.mask;
  } else {
    runs->push_back(run);
  }
}

}  // namespace

FastReport BuildFastReport(const ProjectionPlan::Tables& tables, const FastPlan& walked,
                           absl::Span<const uint8_t> levels) {
  FastReport report;
  report.words = (tables.withheld.size() + 63) / 64;
  for (size_t i = 0; i < tables.levels.size(); ++i) {
    const Level& level = tables.levels[i];
    const std::vector<uint8_t>& bits = walked.levels[levels[i]].seen_bits;
    for (size_t j = 0; j < level.fields.size(); ++j) {
      const Field& field = level.fields[j];
      AddWithheld(field.withheld_bit, levels[i], bits[j], &report.withheld);
      if (field.leaf < 0) continue;
      if (tables.leaves[field.leaf].required) report.required.push_back({field.leaf, -1, levels[i], bits[j]});
      for (size_t bit = 0; bit < tables.withheld.size(); ++bit) {
        if (tables.withheld[bit].leaf != field.leaf) continue;
        report.gated.push_back({field.leaf, static_cast<int32_t>(bit), levels[i], bits[j]});
      }
    }
    AddWithheld(level.unknown_bit, levels[i], kUnknownBit, &report.withheld);
  }
  std::stable_sort(report.withheld.begin(), report.withheld.end(),
                   [](const WithheldRun& a, const WithheldRun& b) { return a.word < b.word; });
  std::sort(report.required.begin(), report.required.end(),
            [](const LeafSeen& a, const LeafSeen& b) { return a.leaf < b.leaf; });
  return report;
}

}  // namespace postern::policy
