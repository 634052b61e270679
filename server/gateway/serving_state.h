// Whether the gateway serves: it has started, it does not drain, and the ledger accepts writes.
#pragma once

#include <functional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace postern::gateway {

// Thread-safe.
class ServingState {
 public:
  // Told at once and at every change, one at a time; must not block nor call back.
  void Subscribe(std::function<void(bool serving)> subscriber) {
    absl::MutexLock lock(&mutex_);
    subscriber(Serving());
    subscribers_.push_back(std::move(subscriber));
  }
  // Forgets all subscribers: after it returns none is called.
  void Unsubscribe() {
    absl::MutexLock lock(&mutex_);
    subscribers_.clear();
  }
  void SetLedger(bool serving) {
    Change([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { ledger_ = serving; });
  }
  void SetUp(bool up) {
    Change([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { up_ = up; });
  }
  bool ledger() const {
    absl::MutexLock lock(&mutex_);
    return ledger_;
  }
  bool serving() const {
    absl::MutexLock lock(&mutex_);
    return Serving();
  }

 private:
  bool Serving() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return up_ && ledger_; }
  template <class Edit>
  void Change(Edit edit) {
    absl::MutexLock lock(&mutex_);
    const bool before = Serving();
    edit();
    if (Serving() == before) return;
    for (const auto& subscriber : subscribers_) subscriber(Serving());
  }

  mutable absl::Mutex mutex_;
  bool ledger_ ABSL_GUARDED_BY(mutex_) = true;
  bool up_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::function<void(bool)>> subscribers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace postern::gateway
