// What a mean of a few paired differences says.
#pragma once

#include <vector>

namespace postern::bench {

// The mean of samples, and the 95 % confidence interval around it by Student's t distribution.
struct Interval {
  double mean = 0;
  double low = 0;
  double high = 0;
};

// Of at least two samples.
Interval ConfidenceInterval(const std::vector<double>& samples);

}  // namespace postern::bench
