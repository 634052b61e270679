// What `supervise replay` finds in a past of weeks, which the simulated clock makes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/integration/lifecycle/world.h"

namespace postern::lifecycle {
namespace {

using Finding = v1::SupervisionFinding;

class ReplayTest : public ::testing::Test {
 protected:
  std::multimap<Finding::Detector, Finding> Replay(const v1::ReplaySupervisionRequest& request = {}) {
    EXPECT_TRUE(world_.core().supervisor->RunOnce().ok());
    const auto response = world_.core().supervisor->Replay(request);
    EXPECT_TRUE(response.ok()) << response.status();
    std::multimap<Finding::Detector, Finding> found;
    int64_t last = 0;
    for (const Finding& finding : response->findings()) {
      EXPECT_GE(finding.time().seconds(), last) << "not in order";
      last = finding.time().seconds();
      EXPECT_EQ(finding.partner(), world_.carrier().partner);
      EXPECT_EQ(finding.action(), Finding::ACTION_UNSPECIFIED) << "a replay does nothing";
      EXPECT_NE(finding.explanation(), "");
      found.emplace(finding.detector(), finding);
    }
    return found;
  }

  World world_{World::Files::kInMemory};
};

// Clause: P1.4f
TEST_F(ReplayTest, EveryDetectorSpeaksOfThePast) {
  EXPECT_TRUE(Replay().empty());

  // A record that comes again and again, and is acknowledged after 30 hours.
  ASSERT_EQ(world_.Disclose(1, 1).reason, "");
  for (int version = 2; version <= 25; ++version) ASSERT_EQ(world_.Rectify(1, 1, version).reason, "");
  world_.Advance(absl::Hours(30));
  ASSERT_EQ(world_.Receive(1).size(), 1u);
  // Deletion that is asked for and not answered for in two weeks.
  world_.CloseAfterSales(1);
  ASSERT_EQ(world_.Erase(1).reason, "");
  world_.Advance(absl::Hours(24 * 15));
  // Something that left no trace but the finding.
  Finding sighting;
  sighting.set_detector(Finding::DETECTOR_CANARY);
  sighting.set_explanation("seen elsewhere");
  ASSERT_TRUE(world_.core().supervisor->Report(world_.carrier().partner, "test", sighting).ok());

  const auto found = Replay();
  ASSERT_EQ(found.count(Finding::DETECTOR_REPEATS), 1u);
  EXPECT_EQ(found.find(Finding::DETECTOR_REPEATS)->second.value(), 25);
  ASSERT_EQ(found.count(Finding::DETECTOR_LATE_ACKNOWLEDGEMENT), 1u);
  EXPECT_GE(found.find(Finding::DETECTOR_LATE_ACKNOWLEDGEMENT)->second.value(), 29.9);
  EXPECT_EQ(found.count(Finding::DETECTOR_OVERDUE_DELETION), 1u);
  EXPECT_EQ(found.count(Finding::DETECTOR_CANARY), 1u);
  EXPECT_EQ(found.count(Finding::DETECTOR_VOLUME), 0u);
  EXPECT_EQ(found.count(Finding::DETECTOR_OFF_SCHEDULE), 0u) << "the contract names no hours";
  EXPECT_EQ(found.size(), 4u);

  v1::ReplaySupervisionRequest stricter;
  stricter.set_max_records_per_day(24);
  EXPECT_EQ(Replay(stricter).count(Finding::DETECTOR_VOLUME), 1u);

  // Rounds forget after four weeks, the ledger does not; and a process that has just started knows as much.
  world_.Advance(absl::Hours(24 * 60));
  ASSERT_EQ(world_.Disclose(2, 2).reason, "");
  world_.Reopen();
  const auto later = Replay(stricter);
  EXPECT_EQ(later.count(Finding::DETECTOR_VOLUME), 1u);
  EXPECT_EQ(later.count(Finding::DETECTOR_REPEATS), 1u);
  EXPECT_EQ(later.count(Finding::DETECTOR_LATE_ACKNOWLEDGEMENT), 1u);
  EXPECT_EQ(later.count(Finding::DETECTOR_OVERDUE_DELETION), 1u);
  EXPECT_EQ(later.count(Finding::DETECTOR_CANARY), 1u);
  EXPECT_EQ(later.size(), 5u);
}

}  // namespace
}  // namespace postern::lifecycle
