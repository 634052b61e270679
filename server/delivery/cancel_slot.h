// Cancels a call that may not have been started yet when the cancellation comes.
#pragma once

#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace postern::delivery {

// `Call` has a Cancel that does not block and may come at any time after the start. Thread-safe.
template <typename Call>
class CancelSlot {
 public:
  void Set(std::shared_ptr<Call> call) {
    {
      absl::MutexLock lock(&mutex_);
      call_ = call;
      if (!cancelled_) return;
    }
    call->Cancel();
  }
  void Cancel() {
    std::shared_ptr<Call> call;
    {
      absl::MutexLock lock(&mutex_);
      cancelled_ = true;
      call = call_;
    }
    if (call != nullptr) call->Cancel();
  }

 private:
  absl::Mutex mutex_;
  std::shared_ptr<Call> call_ ABSL_GUARDED_BY(mutex_);
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace postern::delivery
