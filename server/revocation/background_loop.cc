#include "server/revocation/background_loop.h"

#include <utility>

namespace postern::revocation {

BackgroundLoop::BackgroundLoop(absl::Duration interval, std::function<void()> round)
    : interval_(interval), round_(std::move(round)) {}

void BackgroundLoop::Start() {
  thread_ = std::thread([this] { Run(); });
}

void BackgroundLoop::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void BackgroundLoop::Wake() {
  absl::MutexLock lock(&mutex_);
  woken_ = true;
}

bool BackgroundLoop::stopping() const {
  absl::MutexLock lock(&mutex_);
  return stop_;
}

void BackgroundLoop::Run() {
  for (;;) {
    {
      absl::MutexLock lock(&mutex_);
      const auto due = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stop_ || woken_; };
      mutex_.AwaitWithTimeout(absl::Condition(&due), interval_);
      if (stop_) return;
      woken_ = false;
    }
    round_();
  }
}

}  // namespace postern::revocation
