// Loss of power under the whole core of a gateway in this process: stores, committer, delivery, checkpoints, on a
// simulated disk.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/gateway/config.h"
#include "server/gateway/core.h"
#include "tests/crash/core_endpoint.h"
#include "tests/crash/load.h"
#include "tests/crash/rounds.h"
#include "tests/disk/simulated_disk.h"

namespace postern::testing {
namespace {

constexpr absl::Duration kPoll = absl::Microseconds(300);

class PowerCuts {
 public:
  PowerCuts(CrashSite& site, uint64_t seed, Report* report)
      : site_(site), random_(seed), report_(report), config_(*gateway::LoadConfig(site.gateway().config_path())) {}

  void RunGeneration(int rounds) {
    site_.Reset();
    SimulatedDisk disk(random_());
    Evidence evidence;
    for (int counted = 0, tried = 0; counted < rounds && tried < 2 * rounds + 10; ++tried) {
      counted += RunRound(disk, evidence) ? 1 : 0;
      report_->verdict.Add(site_.Compare(evidence));
    }
    Deliver(evidence);
    report_->acknowledged += static_cast<int64_t>(evidence.acknowledged());
    report_->handed += static_cast<int64_t>(evidence.handed());
    report_->checkpoints += static_cast<int64_t>(evidence.published());
  }

 private:
  absl::StatusOr<std::unique_ptr<gateway::Core>> Open() {
    return gateway::OpenCore(
        config_, [] { return absl::Now(); }, &log_, &serving_, &metrics_);
  }

  // True if calls were under way when power went.
  bool RunRound(SimulatedDisk& disk, Evidence& evidence) {
    std::atomic<Load*> running{nullptr};
    bool in_flight = false;
    std::string where;
    const auto on_cut = [&](const std::string& boundary) {
      Load* load = running;
      in_flight = load != nullptr && load->in_flight() > 0;
      where = boundary;
    };
    // One in six meets the start and its recovery.
    const bool at_start = random_() % 6 == 0;
    if (at_start) disk.CutPowerAt(1 + static_cast<int>(random_() % 40), on_cut);
    auto core = Open();
    if (core.ok()) {
      gateway::StartCore(**core);
      Load load(EndpointOfCore(**core), &evidence, random_());
      running = &load;
      load.Start();
      const absl::Time begin = absl::Now();
      while (load.answers() < 2 && load.broken() == 0 && !disk.off() && absl::Now() - begin < absl::Seconds(5))
        absl::SleepFor(kPoll);
      // Mostly soon; now and then after some work.
      if (!at_start) disk.CutPowerAt(1 + static_cast<int>(random_() % (random_() % 3 == 0 ? 400 : 60)), on_cut);
      while (!disk.off() && absl::Now() - begin < absl::Seconds(10)) absl::SleepFor(kPoll);
      disk.CutPower();
      load.Stop();
      running = nullptr;
      CloseCore(*std::move(core));
    } else if (!disk.off()) {
      std::fprintf(stderr, "the core does not open: %s\n", core.status().ToString().c_str());
      ++report_->restarts_failed;
    }
    disk.CutPower();
    if (!disk.RestorePower()) {
      std::fprintf(stderr, "files are still open\n");
      std::abort();
    }
    ++report_->boundaries[absl::StrCat("power:", where)];
    ++(in_flight ? report_->rounds : report_->uncounted);
    return in_flight;
  }

  // The carrier gets all that was ever acknowledged: no payload and no key is missing.
  void Deliver(Evidence& evidence) {
    auto core = Open();
    if (!core.ok()) {
      std::fprintf(stderr, "the core does not open: %s\n", core.status().ToString().c_str());
      ++report_->restarts_failed;
      return;
    }
    gateway::StartCore(**core);
    Load load(EndpointOfCore(**core), &evidence, random_(), /*callers=*/0);
    load.Start();
    const storage::PartnerId carrier =
        (*core)->snapshots.Get()->FindPartner(absl::StrCat("partners/", kCrashCarrier))->id;
    storage::Store::BacklogCounts counts;
    for (int i = 0; i < 2000; ++i) {
      const auto read = (*core)->store->CountBacklog(carrier);
      if (read.ok()) counts = *read;
      if (counts.total > 0 && counts.delivered == counts.total) break;
      absl::SleepFor(absl::Milliseconds(10));
    }
    report_->undelivered += counts.total - counts.delivered;
    load.Stop();
    CloseCore(*std::move(core));
  }

  CrashSite& site_;
  std::mt19937_64 random_;
  Report* const report_;
  const gateway::config::Config config_;
  const base::Logger log_{base::LogLevel::kError, /*fd=*/-1};  // full of what is done to it
  gateway::ServingState serving_;
  gateway::Metrics metrics_;
};

}  // namespace

void RunPowerCuts(CrashSite& site, int rounds, uint64_t seed, Report* report) {
  PowerCuts cuts(site, seed, report);
  for (int left = rounds; left > 0; left -= kRoundsAGeneration) cuts.RunGeneration(std::min(left, kRoundsAGeneration));
}

}  // namespace postern::testing
