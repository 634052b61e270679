// Interleaved timing: every round runs each subject once, so that what disturbs the machine disturbs all alike.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace postern::bench {

// Something to time. `run(n)` does it n times.
struct Subject {
  std::string name;
  std::function<void(int)> run;
};

struct Timing {
  double min_ns = 0;
  double median_ns = 0;
  double heap_allocations = 0;  // per call
};

// Keeps the compiler from dropping the work that made what is at `at`.
inline void Keep(const void* at) {
  asm volatile("" : : "r"(at) : "memory");
}

// By name. Each subject is calibrated to about 150 microseconds a round.
std::map<std::string, Timing> Time(const std::vector<Subject>& subjects, int rounds);

}  // namespace postern::bench
