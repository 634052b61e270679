#include "tests/bench/rights/interval.h"

#include <array>
#include <cmath>
#include <numeric>

namespace postern::bench {
namespace {

// Two-sided 95 % quantiles for 1 to 30 degrees of freedom; above, that of the normal distribution is close enough.
constexpr std::array<double, 30> kStudent = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                                             2.201,  2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
                                             2.080,  2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};
constexpr double kNormal = 1.960;

}  // namespace

Interval ConfidenceInterval(const std::vector<double>& samples) {
  const auto count = static_cast<double>(samples.size());
  const size_t degrees = samples.size() - 1;
  Interval interval;
  interval.mean = std::accumulate(samples.begin(), samples.end(), 0.0) / count;
  double squares = 0;
  for (const double sample : samples) squares += (sample - interval.mean) * (sample - interval.mean);
  const double quantile = degrees <= kStudent.size() ? kStudent[degrees - 1] : kNormal;
  const double half = quantile * std::sqrt(squares / static_cast<double>(degrees) / count);
  interval.low = interval.mean - half;
  interval.high = interval.mean + half;
  return interval;
}

}  // namespace postern::bench
