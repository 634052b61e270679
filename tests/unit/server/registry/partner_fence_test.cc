#include "server/registry/partner_fence.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace postern::registry {
namespace {

TEST(PartnerFenceTest, LetsInAtItsGenerationOnly) {
  PartnerFence fence(7, true);
  EXPECT_TRUE(fence.Enter(7));
  EXPECT_FALSE(fence.Enter(6));
  EXPECT_FALSE(fence.Enter(8));
}

TEST(PartnerFenceTest, ClosedLetsNobodyInAndIsClosedOnce) {
  PartnerFence fence(7, true);
  EXPECT_TRUE(fence.Close());
  const uint64_t closed = fence.generation();
  EXPECT_NE(closed, 7u);
  EXPECT_TRUE(fence.Close());
  EXPECT_EQ(fence.generation(), closed);
  EXPECT_FALSE(fence.open());
  EXPECT_FALSE(fence.Enter(7));
  EXPECT_FALSE(fence.Enter(closed));
}

TEST(PartnerFenceTest, ReopenedRefusesWhoHeldAnOlderGeneration) {
  PartnerFence fence(1, true);
  fence.Close();
  fence.Open();
  EXPECT_TRUE(fence.open());
  EXPECT_FALSE(fence.Enter(1));
  EXPECT_TRUE(fence.Enter(fence.generation()));
}

TEST(PartnerFenceTest, CloseWaitsForWhoIsInside) {
  PartnerFence fence(1, true);
  PartnerFence::Pass pass = fence.Enter(1);
  EXPECT_FALSE(fence.Close(absl::Milliseconds(20)));
  EXPECT_FALSE(fence.open()) << "stays closed after the time is up";
  std::atomic<bool> closed{false};
  std::thread closer([&] {
    EXPECT_TRUE(fence.Close());
    closed = true;
  });
  EXPECT_FALSE(closed);
  pass.Release();
  closer.join();
  EXPECT_TRUE(closed);
}

TEST(PartnerFenceTest, AMovedPassLeavesOnce) {
  PartnerFence fence(1, true);
  PartnerFence::Pass pass = fence.Enter(1);
  PartnerFence::Pass other = std::move(pass);
  EXPECT_FALSE(pass);
  EXPECT_TRUE(other);
  other = PartnerFence::Pass();
  EXPECT_TRUE(fence.Close(absl::Seconds(1)));
}

// Looping senders neither get in after Close has returned nor keep it from returning.
// Clause: P1.4e
TEST(PartnerFenceTest, NothingEntersAfterCloseReturned) {
  for (int round = 0; round < 50; ++round) {
    PartnerFence fence(1, true);
    std::atomic<bool> closed{false}, stop{false};
    std::atomic<int64_t> entered{0}, late{0};
    std::vector<std::thread> senders;
    for (int i = 0; i < 6; ++i) {
      senders.emplace_back([&] {
        while (!stop) {
          const PartnerFence::Pass pass = fence.Enter(1);
          if (!pass) continue;
          ++entered;
          if (closed) ++late;
        }
      });
    }
    while (entered < 100) std::this_thread::yield();
    EXPECT_TRUE(fence.Close(absl::Seconds(30)));
    closed = true;
    const int64_t at_close = entered;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    stop = true;
    for (std::thread& sender : senders) sender.join();
    EXPECT_EQ(entered, at_close);
    EXPECT_EQ(late, 0);
  }
}

}  // namespace
}  // namespace postern::registry
