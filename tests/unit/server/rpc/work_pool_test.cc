#include "server/rpc/work_pool.h"

#include <gtest/gtest.h>

#include <atomic>

#include "absl/synchronization/notification.h"

namespace postern::rpc {
namespace {

TEST(WorkPool, FinishesWhatItTook) {
  std::atomic<int> done{0};
  {
    WorkPool pool(2, 1000);
    for (int i = 0; i < 500; ++i) {
      ASSERT_TRUE(pool.Run([&done] { ++done; }));
    }
  }
  EXPECT_EQ(done, 500);
}

TEST(WorkPool, RefusesWhatItHasNoRoomFor) {
  absl::Notification started;
  absl::Notification go;
  WorkPool pool(1, 1);
  ASSERT_TRUE(pool.Run([&] {
    started.Notify();
    go.WaitForNotification();
  }));
  started.WaitForNotification();
  EXPECT_TRUE(pool.Run([] {}));
  EXPECT_FALSE(pool.Run([] {}));
  go.Notify();
}

}  // namespace
}  // namespace postern::rpc
