// How far a value is from what is usual, by median and median absolute deviation: a few wild values of the past neither
// hide a new one nor make one (Iglewicz and Hoaglin, "How to Detect and Handle Outliers", 1993).
#pragma once

#include <cstdint>
#include <vector>

namespace postern::supervision {

// 0 for no values. Of an even number the lower of the middle two.
int64_t Median(std::vector<int64_t> values);

// Deviations of `value` above the median of `history`, in units of 1.4826 × MAD (one standard deviation where values
// are normally distributed). A deviation counts as at least 5 % of the median and at least 1, so that a history that
// never varied does not make everything stand out.
double RobustScore(const std::vector<int64_t>& history, int64_t value);

}  // namespace postern::supervision
