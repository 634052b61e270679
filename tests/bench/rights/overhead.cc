#include "tests/bench/rights/overhead.h"

#include "absl/time/clock.h"
#include "tests/bench/gateway/process_cpu.h"

namespace postern::bench {
namespace {

constexpr int kCallers = 64;
constexpr absl::Duration kRun = absl::Seconds(3);
// Supervision counts every five seconds; afterwards it has seen the last record.
constexpr absl::Duration kCounted = absl::Milliseconds(6500);
constexpr char kThread[] = "supervision";

struct Cpu {
  double all_us = 0;
  double supervision_us = 0;
};

// A record, over one run and until it was counted.
Cpu Measure(const Contender& gateway, int batch) {
  const std::string partner = PartnerName(1);
  const UnaryCall call = batch == 1 ? DiscloseCall(gateway.site->shop(), gateway.site->records(), partner)
                                    : DiscloseBatchCall(gateway.site->shop(), gateway.site->records(), partner, batch);
  Latencies unused;
  const absl::Duration all = CpuOf({gateway.pid});
  const absl::Duration supervision = CpuOfThreads(gateway.pid, kThread);
  const LoadResult result = RunUnary(kCallers, kRun, call, unused);
  Require(result.errors == 0, "records were refused");
  absl::SleepFor(kCounted);
  const double records = static_cast<double>(result.records) * batch;
  return {absl::ToDoubleMicroseconds(CpuOf({gateway.pid}) - all) / records,
          absl::ToDoubleMicroseconds(CpuOfThreads(gateway.pid, kThread) - supervision) / records};
}

}  // namespace

OverheadFigures MeasureOverhead(const Contender& plain, const Contender& watched, int rounds, int batch) {
  OverheadFigures figures;
  const auto measure_plain = [&] {
    const Cpu cpu = Measure(plain, batch);
    figures.plain_us.push_back(cpu.all_us - cpu.supervision_us);
  };
  const auto measure_watched = [&] {
    const Cpu cpu = Measure(watched, batch);
    figures.watched_us.push_back(cpu.all_us);
    figures.supervision_us.push_back(cpu.supervision_us);
  };
  // Each goes first in turn, so that neither has the machine when it is fresher.
  for (int round = 0; round < rounds; ++round) {
    if (round % 2 == 0) measure_plain();
    measure_watched();
    if (round % 2 != 0) measure_plain();
  }
  return figures;
}

}  // namespace postern::bench
