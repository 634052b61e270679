// The disk of a whole core fails under traffic: what leaves stops, callers get the reason, and when the disk is well
// again everything goes on without a hand, with nothing lost or unaccounted.
#include <atomic>

#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "proto/errors/error.h"
#include "proto/errors/rpc_status.h"
#include "server/gateway/config.h"
#include "tests/crash/core_endpoint.h"
#include "tests/crash/load.h"
#include "tests/crash/rounds.h"
#include "tests/disk/simulated_disk.h"
#include "tests/support/retail_bundle.h"

namespace postern::testing {
namespace {

struct Fault {
  const char* name;
  DiskFault fault;
};

class CoreDiskFaultTest : public ::testing::TestWithParam<Fault> {
 protected:
  void SetUp() override {
    disk_ = std::make_unique<SimulatedDisk>(17);
    const auto config = gateway::LoadConfig(site_.gateway().config_path());
    ASSERT_TRUE(config.ok()) << config.status();
    auto core = gateway::OpenCore(
        *config, [] { return absl::Now(); }, &log_, &serving_, &metrics_);
    ASSERT_TRUE(core.ok()) << core.status();
    core_ = *std::move(core);
    serving_.SetUp(true);
    gateway::StartCore(*core_);
  }
  void TearDown() override {
    if (core_ != nullptr) CloseCore(std::move(core_));
  }

  template <typename Condition>
  static bool Eventually(Condition condition) {
    for (int i = 0; i < 1500; ++i) {
      if (condition()) return true;
      absl::SleepFor(absl::Milliseconds(10));
    }
    return false;
  }

  CrashSite site_{StoreKind::kSqlite};
  std::unique_ptr<SimulatedDisk> disk_;  // before what writes to it
  const base::Logger log_{base::LogLevel::kError, /*fd=*/-1};
  gateway::ServingState serving_;
  gateway::Metrics metrics_;
  Evidence evidence_;
  std::unique_ptr<gateway::Core> core_;
};

INSTANTIATE_TEST_SUITE_P(Faults, CoreDiskFaultTest,
                         ::testing::Values(Fault{"DiskFull", {SQLITE_FULL, false, true}},
                                           Fault{"ShortWrites", {SQLITE_IOERR_WRITE, false, true}},
                                           Fault{"SyncFails", {SQLITE_IOERR_FSYNC, false, true, 0, "sync"}},
                                           Fault{"EveryThird", {SQLITE_IOERR_WRITE, false, false, 3}}),
                         [](const auto& fault) { return fault.param.name; });

TEST_P(CoreDiskFaultTest, ReleaseStopsAndRecoveryNeedsNoHand) {
  Endpoint endpoint = EndpointOfCore(*core_);
  const auto create = endpoint.create;
  std::atomic<int> refused{0};
  std::atomic<int> refused_for_another_reason{0};
  endpoint.create = [&](const v1::CreateDisclosureRequest& request) {
    auto response = create(request);
    const absl::Status status =
        !response.ok()
            ? response.status()
            : (response->results(0).has_error() ? FromRpcStatus(response->results(0).error()) : absl::OkStatus());
    if (!status.ok()) {
      ++(::postern::ReasonOf(status) == v1::ERROR_REASON_LEDGER_UNAVAILABLE ? refused : refused_for_another_reason);
    }
    return response;
  };
  {
    Load load(endpoint, &evidence_, 1);
    load.Start();
    ASSERT_TRUE(Eventually([&] { return load.answers() > 20 && load.handed() > 5; }));
    disk_->FailAt(1, GetParam().fault);
    ASSERT_TRUE(Eventually([&] { return load.broken() == 4; })) << "every caller is told";
    EXPECT_EQ(refused, 4);
    EXPECT_EQ(refused_for_another_reason, 0);
    if (GetParam().fault.lasting) {
      EXPECT_FALSE(serving_.serving());
      // Nothing above the durable mark leaves: what was marked before may, and no more.
      absl::SleepFor(absl::Milliseconds(300));
      const int64_t handed = load.handed();
      absl::SleepFor(absl::Milliseconds(500));
      EXPECT_EQ(load.handed(), handed);
      EXPECT_FALSE(core_->store->AppendAudit({"leaf"}).ok());
    }
  }
  disk_->Heal();
  EXPECT_TRUE(Eventually([&] { return serving_.serving(); })) << "nobody had to do anything";
  {
    // The callers ask again for what was left open, and more.
    Load load(endpoint, &evidence_, 2);
    load.Start();
    EXPECT_TRUE(Eventually([&] { return load.answers() > 20 && load.handed() > 20; }));
  }
  const Verdict verdict = evidence_.Compare(*core_->store);
  EXPECT_TRUE(verdict.good()) << verdict.lost << " lost, " << verdict.unaccounted << " unaccounted, "
                              << verdict.duplicates << " duplicates, " << verdict.forked << " forked, "
                              << verdict.damaged << " damaged";

  // And all of it survives a loss of power.
  disk_->CutPower();
  CloseCore(std::move(core_));
  ASSERT_TRUE(disk_->RestorePower());
  EXPECT_TRUE(site_.Compare(evidence_).good());
}

}  // namespace
}  // namespace postern::testing
