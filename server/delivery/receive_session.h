// One Receive stream of a partner, without gRPC: credits, delivery numbers, acknowledgements.
//
// The stream's adapter feeds what it reads to OnRequest and, whenever it may write, asks Next for a response:
//
//   auto batch = session->Next();
//   if (!batch.ok()) end the stream with batch.status();
//   if (!batch->has_value()) wait for on_ready, then ask again;
//   StartWrite((*batch)->response); (*batch)->pass.Release(); and keep the arena until the write is done
//
// and asks again after OnRequest and after a finished write. The pass is the shared hold of the partner's fence: it
// must be released as soon as the write has started, and a revocation waits for it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "google/protobuf/arena.h"
#include "proto/postern/v1/partner_service.pb.h"
#include "server/identity/principal.h"
#include "server/registry/partner_fence.h"

namespace postern::delivery {

class PartnerQueue;
class DeliveryHub;

// Called from threads of the hub, never with a lock held, possibly still shortly after End: capture shared ownership of
// whatever they touch.
struct ReceiveCallbacks {
  // Next may have something now. May be spurious.
  std::function<void()> on_ready;
  // The stream must end with this status: PARTNER_SUSPENDED, PARTNER_TERMINATED, CREDENTIAL_EXPIRED, DRAINING. At most
  // once; from then on Next returns the same.
  std::function<void(absl::Status)> on_end;
};

// Thread-safe. Ends when destroyed; the hub may hold it a moment longer than its owner.
class ReceiveSession : public std::enable_shared_from_this<ReceiveSession> {
 public:
  struct Batch {
    std::unique_ptr<google::protobuf::Arena> arena;  // what the response lives on
    v1::ReceiveResponse* response = nullptr;
    registry::PartnerFence::Pass pass;
  };

  ~ReceiveSession();
  ReceiveSession(const ReceiveSession&) = delete;
  ReceiveSession& operator=(const ReceiveSession&) = delete;

  // Takes one message of the partner. Not OK: the stream must end with it (INVALID_ARGUMENT, DELIVERY_UNKNOWN).
  absl::Status OnRequest(const v1::ReceiveRequest& request);
  // The next response, within credits and window; nullopt if there is nothing to send now. Not OK: the stream must end.
  absl::StatusOr<std::optional<Batch>> Next();
  // The same, with at most `max_records` of them.
  absl::StatusOr<std::optional<Batch>> Next(int max_records);
  // For the gateway's own channels: what became of a delivery that the partner did not answer for. Postpone as
  // PartnerQueue::Postpone; GiveBack if it did not leave. DELIVERY_UNKNOWN, and what the session ended with.
  absl::Status Postpone(uint64_t delivery, absl::FunctionRef<std::optional<absl::Duration>(int failures)> delay);
  absl::Status GiveBack(uint64_t delivery);
  // Gives everything unacknowledged back for redelivery. Idempotent.
  void End();

 private:
  friend class DeliveryHub;

  ReceiveSession(std::shared_ptr<PartnerQueue> queue, identity::Principal principal, uint64_t generation,
                 ReceiveCallbacks callbacks, std::function<absl::Time()> clock);

  // For the hub: whether there are credits; tells the adapter; ends the stream, telling the adapter.
  bool WantsRecords() const;
  void Ready() { callbacks_.on_ready(); }
  void EndWith(const absl::Status& status);
  bool Expired() const { return clock_() >= principal_.not_after; }
  // Marks the session as ended and gives back what is unacknowledged. False if it had ended before.
  bool Close(const absl::Status& status);

  absl::Status TakeCredits(const v1::ReceiveRequest& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // After every change of the credits.
  void TellCredits() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status TakeAcknowledged(const v1::ReceiveRequest& request, std::vector<int64_t>* positions)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status TakeRejected(const v1::ReceiveRequest& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // DELIVERY_UNKNOWN unless deliveries `first` to `last` were sent and are unacknowledged.
  absl::Status CheckDeliveries(uint64_t first, uint64_t last) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The ledger position of a delivery, which is thereby taken out.
  int64_t TakeDelivery(uint64_t delivery) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Constant after construction.
  const std::shared_ptr<PartnerQueue> queue_;
  const identity::Principal principal_;
  const uint64_t generation_;  // of the fence when the stream was opened
  const ReceiveCallbacks callbacks_;
  const std::function<absl::Time()> clock_;

  mutable absl::Mutex mutex_;
  absl::Status ended_ ABSL_GUARDED_BY(mutex_);  // OK while it lives
  bool credited_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t credit_records_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t credit_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  // Deliveries first_delivery_, first_delivery_ + 1, ...: their ledger positions, 0 once acknowledged or rejected.
  std::deque<int64_t> deliveries_ ABSL_GUARDED_BY(mutex_);
  uint64_t first_delivery_ ABSL_GUARDED_BY(mutex_) = 1;
};

}  // namespace postern::delivery
