#include "tests/bench/projection/timing.h"

#include <algorithm>
#include <chrono>

#include "tests/bench/projection/heap_count.h"

namespace postern::bench {
namespace {

constexpr double kRoundNs = 150000;

double RunNs(const Subject& subject, int times) {
  const auto start = std::chrono::steady_clock::now();
  subject.run(times);
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

std::map<std::string, Timing> Time(const std::vector<Subject>& subjects, int rounds) {
  std::vector<int> times;
  std::map<std::string, Timing> timings;
  for (const Subject& subject : subjects) {
    subject.run(20);  // warm, and past every first growth of a buffer
    const double one = std::max(RunNs(subject, 20) / 20, 1.0);
    times.push_back(std::clamp(static_cast<int>(kRoundNs / one), 1, 100000));
    const uint64_t before = HeapAllocations();
    subject.run(16);
    timings[subject.name].heap_allocations = static_cast<double>(HeapAllocations() - before) / 16;
  }
  std::vector<std::vector<double>> samples(subjects.size());
  for (int round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < subjects.size(); ++i) samples[i].push_back(RunNs(subjects[i], times[i]) / times[i]);
  }
  for (size_t i = 0; i < subjects.size(); ++i) {
    std::sort(samples[i].begin(), samples[i].end());
    timings[subjects[i].name].min_ns = samples[i].front();
    timings[subjects[i].name].median_ns = samples[i][samples[i].size() / 2];
  }
  return timings;
}

}  // namespace postern::bench
