#include "server/registry/partner_fence.h"

#include <utility>

namespace postern::registry {

PartnerFence::Pass& PartnerFence::Pass::operator=(Pass&& other) noexcept {
  if (this != &other) {
    Release();
    fence_ = std::exchange(other.fence_, nullptr);
  }
  return *this;
}

void PartnerFence::Pass::Release() {
  if (PartnerFence* fence = std::exchange(fence_, nullptr)) fence->Leave();
}

PartnerFence::Pass PartnerFence::Enter(uint64_t generation) {
  const uint64_t wanted = Pack(generation, true);
  // Looked at first so that senders that loop on a closed fence never touch the count and so never delay Close.
  if (state_.load() != wanted) return Pass();
  // Counted, then looked at again, while Close changes the state and then looks at the count: in the single order of
  // sequentially consistent operations one of the two sees the other.
  inside_.fetch_add(1);
  if (state_.load() != wanted) {
    Leave();
    return Pass();
  }
  return Pass(this);
}

uint64_t PartnerFence::generation() const {
  return state_.load() >> 1;
}

bool PartnerFence::open() const {
  return (state_.load() & 1) != 0;
}

bool PartnerFence::Close(absl::Duration timeout) {
  uint64_t state = state_.load();
  while ((state & 1) != 0 && !state_.compare_exchange_weak(state, Pack((state >> 1) + 1, false))) {
  }
  const absl::Time deadline = absl::Now() + timeout;
  absl::MutexLock lock(&mutex_);
  while (inside_.load() != 0) {
    if (left_.WaitWithDeadline(&mutex_, deadline)) return inside_.load() == 0;
  }
  return true;
}

void PartnerFence::Open() {
  uint64_t state = state_.load();
  while ((state & 1) == 0 && !state_.compare_exchange_weak(state, Pack((state >> 1) + 1, true))) {
  }
}

void PartnerFence::Leave() {
  if (inside_.fetch_sub(1) != 1 || open()) return;
  // The lock makes sure that a closer that saw the old count is waiting by now.
  absl::MutexLock lock(&mutex_);
  left_.SignalAll();
}

}  // namespace postern::registry
