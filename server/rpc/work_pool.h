// Threads for calls that block on the store. The threads of gRPC never do, but for one that commits a lone disclosure.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace postern::rpc {

// Thread-safe. One for each listener, so that a partner's flood of questions does not hold up an operator.
class WorkPool {
 public:
  WorkPool(int threads, size_t max_queued);
  // Finishes what was taken.
  ~WorkPool();
  WorkPool(const WorkPool&) = delete;
  WorkPool& operator=(const WorkPool&) = delete;

  // False if the queue is full; `task` is dropped then.
  bool Run(std::function<void()> task);

 private:
  void Loop();

  const size_t max_queued_;
  absl::Mutex mutex_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace postern::rpc
