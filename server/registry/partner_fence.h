// The partner's fence: senders hold it shared while they hand bytes over; a revocation takes it exclusively and, once
// it has it, no write to the partner starts. An epoch and a count of those inside, so that a revoker is never starved
// by looping senders.
#pragma once

#include <atomic>
#include <cstdint>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace postern::registry {

// Thread-safe.
class PartnerFence {
 public:
  explicit PartnerFence(uint64_t generation, bool open) : state_(Pack(generation, open)) {}

  // Shared hold of the fence. Falsy: the fence is closed or has moved on, and nothing may be handed over.
  class Pass {
   public:
    Pass() = default;
    explicit Pass(PartnerFence* fence) : fence_(fence) {}
    Pass(Pass&& other) noexcept : fence_(other.fence_) { other.fence_ = nullptr; }
    Pass& operator=(Pass&& other) noexcept;
    ~Pass() { Release(); }
    explicit operator bool() const { return fence_ != nullptr; }
    void Release();

   private:
    PartnerFence* fence_ = nullptr;
  };

  // Enters if the fence is open and at `generation`. Never blocks. (model: enter)
  Pass Enter(uint64_t generation);
  // The generation senders must name; changes with every Close and Open.
  uint64_t generation() const;
  bool open() const;
  // Closes the fence and waits until everyone inside has left: after it returns no handover is under way or starts.
  // Idempotent. (model: close) Returns false if someone was still inside after `timeout`; the fence stays closed.
  bool Close(absl::Duration timeout = absl::InfiniteDuration());
  // Opens it under a new generation. After a termination nobody calls this.
  void Open();

 private:
  static constexpr uint64_t Pack(uint64_t generation, bool open) { return generation << 1 | (open ? 1 : 0); }
  void Leave();

  std::atomic<uint64_t> state_;  // generation and the open bit
  std::atomic<int64_t> inside_{0};
  absl::Mutex mutex_;  // only for waiting in Close
  absl::CondVar left_;
};

}  // namespace postern::registry
