// Correct use of absl synchronisation is silent under ThreadSanitizer, and a race is still found.
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

namespace {

void RunThreads(int count, const std::function<void(int)>& body) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back(body, i);
  for (std::thread& thread : threads) thread.join();
}

TEST(TsanAbslMutex, ExclusiveAndSharedLocksOrderAccesses) {
  absl::Mutex mutex;
  int writes = 0;
  RunThreads(4, [&](int i) {
    for (int n = 0; n < 500; ++n) {
      if (i == 0) {
        absl::MutexLock lock(&mutex);
        ++writes;
      } else if (i == 1 && mutex.TryLock()) {
        ++writes;
        mutex.Unlock();
      } else {
        absl::ReaderMutexLock lock(&mutex);
        EXPECT_GE(writes, 0);
      }
    }
  });
  EXPECT_GE(writes, 500);
}

TEST(TsanAbslMutex, ConditionsAndConditionVariablesOrderAccesses) {
  absl::Mutex mutex;
  absl::CondVar changed;
  std::string baton;
  RunThreads(2, [&](int i) {
    const std::string mine(1, static_cast<char>('a' + i));
    for (int n = 0; n < 100; ++n) {
      absl::MutexLock lock(&mutex);
      const auto my_turn = [&] { return static_cast<int>(baton.size() % 2) == i; };
      if (n % 3 == 0) {
        mutex.Await(absl::Condition(&my_turn));
      } else if (n % 3 == 1) {
        ASSERT_TRUE(mutex.AwaitWithTimeout(absl::Condition(&my_turn), absl::Seconds(60)));
      } else {
        while (!my_turn()) changed.WaitWithTimeout(&mutex, absl::Milliseconds(5));
      }
      baton += mine;
      changed.SignalAll();
    }
  });
  EXPECT_EQ(baton.size(), 200u);
}

TEST(TsanAbslMutex, NotificationOrdersAccesses) {
  absl::Notification done;
  std::string text;
  std::thread writer([&] {
    text = "written before the notification";
    done.Notify();
  });
  done.WaitForNotification();
  text += ", read after it";
  writer.join();
}

TEST(TsanAbslMutexDeathTest, RaceIsReported) {
  const auto race = [] {
    int unguarded = 0;
    RunThreads(2, [&](int) {
      for (int n = 0; n < 10000; ++n) ++unguarded;
    });
    std::exit(0);
  };
  EXPECT_EXIT(race(), testing::ExitedWithCode(66), "data race");
}

}  // namespace
