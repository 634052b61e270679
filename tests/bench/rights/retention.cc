#include "tests/bench/rights/retention.h"

#include <atomic>
#include <iostream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/bench/rights/paced_load.h"

namespace postern::bench {
namespace {

constexpr int kBatch = 64;
constexpr int kCallers = 8;
constexpr absl::Duration kFull = absl::Seconds(5);
constexpr absl::Duration kAlone = absl::Seconds(6);
constexpr absl::Duration kLongAgo = absl::Hours(24 * 400);  // every term of the policy is over

}  // namespace

RetentionFigures MeasureRetention(Site& site, People& people, int partner, int rounds, int64_t orders) {
  RetentionFigures figures;
  const UnaryCall call = DiscloseBatchCall(site.shop(), site.records(), PartnerName(partner), kBatch);
  Latencies unused;
  const LoadResult full = RunUnary(kCallers, kFull, call, unused);
  Require(full.errors == 0, "records were refused");
  const double messages_per_second = static_cast<double>(full.records) / absl::ToDoubleSeconds(full.elapsed);
  figures.full_per_second = messages_per_second * kBatch;
  const auto half_load = [&](const std::function<bool()>& more) {
    Latencies latencies;
    Require(RunPaced(messages_per_second / 2, more, call, latencies) == 0, "records were refused");
    return latencies.Quantile(0.99) / 1000.0;
  };
  for (int round = 0; round < rounds; ++round) {
    figures.p99_alone_ms.push_back(half_load([end = absl::Now() + kAlone] { return absl::Now() < end; }));
    const int64_t first = site.records().made();
    site.Fill({partner}, orders);
    // The last ones are on their way to the partner.
    absl::SleepFor(absl::Seconds(2));
    people.CloseAfterSales(first, orders, 1, absl::Now() - kLongAgo);
    const int64_t before = people.ClosedByRetention();
    std::atomic<bool> running{true};
    std::thread retention([&] {
      const absl::Time start = absl::Now();
      const v1::RetentionRound done = people.RunRetention();
      const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
      const int64_t closed = people.ClosedByRetention() - before;
      Require(closed >= orders / 2, absl::StrCat("retention closed only ", closed, " of ", orders, ": ",
                                                 done.order_count(), " looked at, ", done.failed_count(), " failed"));
      figures.orders_per_second.push_back(static_cast<double>(closed) / seconds);
      running = false;
    });
    figures.p99_beside_ms.push_back(half_load([&running] { return running.load(); }));
    retention.join();
    std::cerr << "bench-rights: " << figures.orders_per_second.back() << " orders/s, p99 "
              << figures.p99_beside_ms.back() << " ms beside, " << figures.p99_alone_ms.back() << " ms alone"
              << std::endl;
  }
  return figures;
}

}  // namespace postern::bench
