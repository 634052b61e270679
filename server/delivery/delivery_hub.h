// Release and settle: owns the partners' queues, opens their streams, reserves dispatch marks and settles what was
// acknowledged.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "server/crypto/key_store.h"
#include "server/delivery/in_flight_calls.h"
#include "server/delivery/partner_queue.h"
#include "server/delivery/receive_session.h"
#include "server/delivery/settler.h"
#include "server/disclosure/grant_cache.h"
#include "server/disclosure/release.h"
#include "server/identity/principal.h"
#include "server/registry/ports.h"
#include "server/registry/snapshot.h"
#include "server/storage/store.h"

namespace postern::delivery {

struct DeliveryHubOptions {
  PartnerQueueOptions queue;
  SettlerOptions settler;
  // Open streams a partner may have; one more is refused with OVERLOADED.
  int max_streams_per_partner = 64;
  // After a round of handing over the next one waits this long, so that records committed meanwhile go together: one
  // message costs as much as many records. The first record after a pause goes at once.
  absl::Duration linger = absl::Milliseconds(2);
  // How often pending times and certificates are looked at.
  absl::Duration tick = absl::Seconds(1);
  absl::Duration expiry_interval = absl::Minutes(1);
  std::function<absl::Time()> clock = [] { return absl::Now(); };
  // Called after outcomes became durable, from the settling thread. May be null.
  std::function<void()> on_outcomes;
  // Called by StopPartner after the partner's calls were cancelled: the gateway's own connections to it go. May be
  // null.
  std::function<void(absl::string_view partner)> on_stopped;
};

// Thread-safe.
class DeliveryHub : public disclosure::ReleaseSink, public registry::PartnerCutter {
 public:
  struct PartnerStats {
    std::string partner;
    int live_streams = 0;
    PartnerQueue::Counters counters;
  };

  // Borrows the parts, which must outlive this.
  DeliveryHub(const registry::SnapshotHolder* snapshots, storage::Store* store, crypto::KeyStore* keys,
              DeliveryHubOptions options);
  // Drains.
  ~DeliveryHub() override;

  // Opens a stream for a partner's principal. PARTNER_UNKNOWN, PARTNER_SUSPENDED, PARTNER_TERMINATED,
  // PARTNER_NOT_ACTIVE, CHANNEL_MISMATCH, FENCED (it is being stopped right now), OVERLOADED, CREDENTIAL_EXPIRED,
  // DRAINING, LEDGER_UNAVAILABLE. Blocks on the store the first time.
  absl::StatusOr<std::shared_ptr<ReceiveSession>> OpenSession(const identity::Principal& principal,
                                                              ReceiveCallbacks callbacks);
  // Opens one for a channel on which the gateway itself delivers: a stream without a certificate to end with. FENCED,
  // OVERLOADED, DRAINING, LEDGER_UNAVAILABLE.
  absl::StatusOr<std::shared_ptr<ReceiveSession>> OpenChannel(const registry::PartnerView& partner,
                                                              ReceiveCallbacks callbacks);

  // Ends what has been pending longer than the contracts allow, settles it and reports it to the shop. Called on a
  // timer; public for tests and for an operator's hand.
  absl::Status ExpirePending();
  // Withdraws records that wait for the partner, durably when it returns, and tells the shop; those on their way stay
  // and are not handed over again. Returns how many were withdrawn.
  absl::StatusOr<int64_t> Recall(const registry::PartnerView& partner,
                                 const std::vector<storage::PendingPayload>& records, v1::ErrorReason reason);
  // See PartnerQueue::EndDeadLetter. Also LEDGER_UNAVAILABLE before `commit` was run.
  absl::Status EndDeadLetter(const registry::PartnerView& partner, const storage::Mac16& record_key,
                             absl::FunctionRef<absl::StatusOr<int64_t>()> commit);
  // Ends every stream with DRAINING, settles all acknowledgements and stops. Idempotent. To be called when nothing is
  // committed any more.
  void Drain();

  std::vector<PartnerStats> Stats() const;

  Settler* settler() { return &settler_; }
  InFlightCalls* calls() { return &calls_; }

  // registry::PartnerCutter. When StopPartner returns, no dispatch mark of the partner is asked for or under way while
  // its fence stays closed.
  Cut StopPartner(absl::string_view partner, const absl::Status& status) override;
  void Reload(storage::PartnerId partner) override;
  int LiveStreams(absl::string_view partner) const override;

  // disclosure::ReleaseSink
  std::vector<storage::DispatchMark> MarksFor(absl::Span<const storage::NewDisclosure> group,
                                              int64_t next_seq) override;
  void OnCommitted(std::vector<disclosure::CommittedDisclosure> disclosures) override;
  void OnUncertain() override;

 private:
  using QueuePtr = std::shared_ptr<PartnerQueue>;

  absl::StatusOr<std::shared_ptr<ReceiveSession>> Open(const registry::PartnerView& partner,
                                                       const identity::Principal& principal,
                                                       ReceiveCallbacks callbacks);
  bool Draining() const;
  absl::StatusOr<QueuePtr> QueueFor(const registry::PartnerView& partner);
  QueuePtr FindQueue(storage::PartnerId partner) const;
  QueuePtr FindQueue(absl::string_view partner) const;
  std::vector<QueuePtr> AllQueues() const;
  void MarkDirty(storage::PartnerId partner);
  void Settle(storage::PartnerId partner);
  void PumpLoop();
  // Loads, reserves and hands on for the queues that have something to do.
  void Pump(const std::vector<QueuePtr>& queues);
  void Tick();
  absl::Status ExpirePartner(const registry::PartnerView& partner, absl::Time now);

  // Constant after construction.
  const registry::SnapshotHolder* const snapshots_;
  storage::Store* const store_;
  crypto::KeyStore* const keys_;
  const DeliveryHubOptions options_;

  disclosure::GrantCache grants_;
  InFlightCalls calls_;
  Settler settler_;

  absl::Mutex reserving_;  // held from asking a queue for its mark until the mark is durable
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<storage::PartnerId, QueuePtr> queues_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_set<storage::PartnerId> dirty_ ABSL_GUARDED_BY(mutex_);
  // Marks that the group under commit carries.
  std::vector<storage::DispatchMark> proposed_ ABSL_GUARDED_BY(mutex_);
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time next_expiry_;  // the pump thread's own
  std::thread pump_;
};

}  // namespace postern::delivery
