#include "server/delivery/in_flight_calls.h"

#include <utility>
#include <vector>

namespace postern::delivery {

InFlightCalls::Token InFlightCalls::Add(storage::PartnerId partner, std::function<void()> cancel) {
  absl::MutexLock lock(&mutex_);
  const Token token = next_++;
  calls_[token] = {partner, std::move(cancel)};
  return token;
}

void InFlightCalls::Remove(Token token) {
  absl::MutexLock lock(&mutex_);
  calls_.erase(token);
}

int InFlightCalls::CancelAll(storage::PartnerId partner) {
  std::vector<std::function<void()>> cancels;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [token, call] : calls_) {
      if (call.partner == partner) cancels.push_back(call.cancel);
    }
  }
  for (const auto& cancel : cancels) cancel();
  return static_cast<int>(cancels.size());
}

int InFlightCalls::Count(storage::PartnerId partner) const {
  absl::MutexLock lock(&mutex_);
  int count = 0;
  for (const auto& [token, call] : calls_) count += call.partner == partner ? 1 : 0;
  return count;
}

}  // namespace postern::delivery
