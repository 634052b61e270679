#include "server/base/failpoint.h"

#include <signal.h>
#include <stdlib.h>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "server/base/failpoint_hook.h"

namespace postern::base {
namespace {

absl::Status Step() {
  POSTERN_FAILPOINT("test.step");
  return absl::OkStatus();
}

#ifdef POSTERN_FAILPOINTS

// Runs `body` in a process of its own, because the environment is read once. `body` ends it with exit.
template <typename Body>
void ExpectExit(const char* setting, int code, Body body) {
  EXPECT_EXIT(
      {
        setenv("POSTERN_FAILPOINTS", setting, 1);
        exit(body() ? code : code + 1);
      },
      ::testing::ExitedWithCode(code), "");
}

TEST(FailpointDeathTest, ErrorTakesTheFailurePath) {
  ExpectExit("other=error,test.step=error", 0, [] { return absl::IsUnavailable(Step()); });
}

TEST(FailpointDeathTest, UnnamedOnesDoNothing) {
  ExpectExit("other=error", 0, [] { return Step().ok() && !FailpointSkips("test.skipped"); });
}

TEST(FailpointDeathTest, SkipIsNotAnError) {
  ExpectExit("test.step=skip", 0, [] { return Step().ok() && FailpointSkips("test.step"); });
}

TEST(FailpointDeathTest, OnlyTheNamedHitActs) {
  ExpectExit("test.step=error@2", 0, [] { return Step().ok() && !Step().ok() && Step().ok(); });
}

TEST(FailpointHookTest, DecidesAtEveryHitWhileItLives) {
  int hits = 0;
  {
    const ScopedFailpointHook hook("test.step", [&hits] { return ++hits == 2; });
    EXPECT_TRUE(Step().ok());
    EXPECT_TRUE(absl::IsUnavailable(Step()));
    EXPECT_TRUE(Step().ok());
    EXPECT_FALSE(FailpointFails("test.other"));
    EXPECT_FALSE(FailpointSkips("test.step")) << "a step without a failure path is not its business";
  }
  EXPECT_TRUE(Step().ok());
  EXPECT_EQ(hits, 3);
}

TEST(FailpointDeathTest, AbortKillsAtOnce) {
  EXPECT_EXIT(
      {
        setenv("POSTERN_FAILPOINTS", "test.step=abort", 1);
        (void)Step();
        exit(0);
      },
      ::testing::KilledBySignal(SIGKILL), "");
}

TEST(FailpointDeathTest, TypingErrorsAreFatal) {
  EXPECT_EXIT(
      {
        setenv("POSTERN_FAILPOINTS", "test.step=eror", 1);
        (void)Step();
        exit(0);
      },
      ::testing::KilledBySignal(SIGABRT), "cannot read");
}

#else

TEST(Failpoint, AbsentFromOtherBuilds) {
  setenv("POSTERN_FAILPOINTS", "test.step=error", 1);
  EXPECT_TRUE(Step().ok());
}

#endif

}  // namespace
}  // namespace postern::base
