#include "server/supervision/robust_score.h"

#include <algorithm>
#include <cstdlib>

namespace postern::supervision {
namespace {

constexpr double kDeviationsOfMad = 1.4826;
constexpr double kLeastShare = 0.05;

}  // namespace

int64_t Median(std::vector<int64_t> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double RobustScore(const std::vector<int64_t>& history, int64_t value) {
  const int64_t median = Median(history);
  std::vector<int64_t> distances;
  distances.reserve(history.size());
  for (const int64_t one : history) distances.push_back(std::abs(one - median));
  const double deviation = kDeviationsOfMad * static_cast<double>(Median(std::move(distances)));
  const double unit = std::max({deviation, kLeastShare * static_cast<double>(median), 1.0});
  return static_cast<double>(value - median) / unit;
}

}  // namespace postern::supervision
