// The gateway's own channel to one partner: takes what the partner's queue has for it and brings it to the partner's
// endpoint, after that has proven itself. No I/O of its own: a transport does it.
//
// It is a stream of the queue like any other, so credit window, dispatch mark, fence and acknowledgement are those of
// ReceiveSession. The fence is held while a call is handed to the transport and not while its answer is awaited: a
// revocation cancels the call and waits until it has ended (model: handover, close).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/delivery/delivery_hub.h"
#include "server/delivery/outbound_transport.h"

namespace postern::delivery {

// Thread-safe. Owned by OutboundDelivery and by the calls under way.
class OutboundChannel : public std::enable_shared_from_this<OutboundChannel> {
 public:
  struct Parts {
    DeliveryHub* hub = nullptr;
    OutboundTransport* transport = nullptr;
    // The channel has something for its owner to do: it is closed, or its endpoint has proven itself, or is gone.
    // Called from any thread; must not block.
    std::function<void()> notify;
    std::function<absl::Time()> clock;
  };
  // What the owner has to see to.
  enum class Standing {
    kOpen,      // nothing
    kAnswered,  // the endpoint answered the challenge: to be made durable, then SetProven
    kGone,      // the endpoint is gone: to be made durable; the channel is closed
    kClosed,    // it ended, or was finished: by a revocation, or because the queue did; to be closed and dropped
  };

  // Borrows the parts. `generation` is the fence's, read before the snapshot of `target` was.
  OutboundChannel(Parts parts, OutboundTarget target, uint64_t generation, bool proven);
  ~OutboundChannel();

  // Takes its place at the queue. Errors as DeliveryHub::OpenChannel.
  absl::Status Open();
  const OutboundTarget& target() const { return target_; }
  struct Health {
    bool proven = false;
    int failures = 0;  // calls in a row
  };
  Health health() const;
  Standing standing() const;
  // The proof is durable: records may go.
  void SetProven();
  // Time has passed.
  void Tick();
  // Starts no call any more; those under way go on to their end, and what they come to counts.
  void Finish();
  // Gives back what is unacknowledged. What calls under way come to does not count any more. Idempotent.
  void Close();
  // Waits until no call is under way. False if one still is after `timeout`.
  bool AwaitIdle(absl::Duration timeout) const;

 private:
  struct Batch {
    uint64_t first = 0;  // delivery numbers
    uint64_t last = 0;
    int64_t bytes = 0;
    int64_t records() const { return static_cast<int64_t>(last - first) + 1; }
  };
  class CallSlot;

  // Connects if there may be something to send.
  void Pump();
  void OnLine(absl::StatusOr<std::shared_ptr<OutboundTransport::Line>> line);
  // Starts one call; false if there is nothing to send now, or the channel is closed.
  bool StartDelivery(OutboundTransport::Line& line) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StartProof(OutboundTransport::Line& line) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnDelivered(const Batch& batch, InFlightCalls::Token token, const OutboundResult& result);
  void OnConfirmed(const std::string& challenge, InFlightCalls::Token token, const OutboundResult& result);
  void Book(const Batch& batch, const OutboundResult& result) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes what the partner answered. False, and nothing taken, if the answer is none to this batch.
  bool Settle(const Batch& batch, const v1::DeliverResponse& response) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Postpone(uint64_t delivery, absl::Duration at_least) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The endpoint failed: it is left alone for a while.
  void Pause(absl::Duration at_least) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The first credits, once records may go; and those of a batch again.
  void GiveCredits() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Replenish(const Batch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int max_calls() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends the session and tells the owner.
  void End(Standing standing) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CloseAs(Standing standing) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Time Deadline() const;
  registry::PartnerFence::Pass Enter() const { return target_.partner->fence->Enter(generation_); }

  const Parts parts_;
  const OutboundTarget target_;
  const uint64_t generation_;
  const int batch_records_;

  mutable absl::Mutex mutex_;
  std::shared_ptr<ReceiveSession> session_ ABSL_GUARDED_BY(mutex_);  // null before Open and after the end
  Standing standing_ ABSL_GUARDED_BY(mutex_) = Standing::kOpen;
  bool proven_ ABSL_GUARDED_BY(mutex_);
  bool finishing_ ABSL_GUARDED_BY(mutex_) = false;
  bool connecting_ ABSL_GUARDED_BY(mutex_) = false;
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
  int failures_ ABSL_GUARDED_BY(mutex_) = 0;  // calls in a row
  absl::Time paused_until_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  absl::BitGen random_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace postern::delivery
