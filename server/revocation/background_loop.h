// A thread that does a round of work when woken and at least once an interval.
#pragma once

#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace postern::revocation {

// Thread-safe.
class BackgroundLoop {
 public:
  // `round` runs in the loop's thread and never throws.
  BackgroundLoop(absl::Duration interval, std::function<void()> round);
  ~BackgroundLoop() { Stop(); }

  // The first round starts at once. Called once.
  void Start();
  // Waits for the round that is running. Idempotent.
  void Stop();
  // Starts a round soon, or another one after the one that is running.
  void Wake();
  // True once Stop was called: long rounds look at it between pages.
  bool stopping() const;

 private:
  void Run();

  // Constant after construction.
  const absl::Duration interval_;
  const std::function<void()> round_;

  mutable absl::Mutex mutex_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  bool woken_ ABSL_GUARDED_BY(mutex_) = true;
  std::thread thread_;
};

}  // namespace postern::revocation
