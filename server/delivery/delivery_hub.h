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
#include "server/registry/snapshot.h"
#include "server/storage/store.h"

namespace postern::delivery {

struct DeliveryHubOptions {
  PartnerQueueOptions queue;
  SettlerOptions settler;
  // Open streams a partner may have; one more is refused with OVERLOADED.
  int max_streams_per_partner = 64;
  // How often pending times and certificates are looked at.
  absl::Duration tick = absl::Seconds(1);
  absl::Duration expiry_interval = absl::Minutes(1);
  std::function<absl::Time()> clock = [] { return absl::Now(); };
  // Called after outcomes became durable, from the settling thread. May be null.
  std::function<void()> on_outcomes;
};

// Thread-safe.
class DeliveryHub : public disclosure::ReleaseSink {
 public:
  struct PartnerStats {
    std::string partner;
    int live_streams = 0;
    int64_t in_flight = 0;       // handed over, not acknowledged
    int64_t window_records = 0;  // in memory
    int64_t window_bytes = 0;    // plaintext in memory
    int64_t delivered = 0;       // handed over since the start, redeliveries included
    int64_t redelivered = 0;
    int64_t acknowledged = 0;
  };
  // What stopping a partner ended.
  struct Stopped {
    int live_streams = 0;
    int live_calls = 0;
    int64_t possibly_held = 0;  // handed over on those streams and calls, and not acknowledged
  };

  // Borrows the parts, which must outlive this.
  DeliveryHub(const registry::SnapshotHolder* snapshots, storage::Store* store, crypto::KeyStore* keys,
              DeliveryHubOptions options);
  // Drains.
  ~DeliveryHub() override;

  // Opens a stream for a partner's principal. PARTNER_UNKNOWN, PARTNER_SUSPENDED, PARTNER_TERMINATED,
  // PARTNER_NOT_ACTIVE, OVERLOADED, DRAINING, LEDGER_UNAVAILABLE. Blocks on the store the first time.
  absl::StatusOr<std::shared_ptr<ReceiveSession>> OpenSession(const identity::Principal& principal,
                                                              ReceiveCallbacks callbacks);

  // For revocation, after it has closed the partner's fence: ends every stream and call of the partner with `status`,
  // forgets what was in memory for it, and says what that was. Acknowledgements that came before are settled first.
  Stopped StopPartner(absl::string_view partner, const absl::Status& status);
  // The dead letters or the backlog of a partner were changed by somebody else: read them again.
  void Reload(storage::PartnerId partner);
  // Withdraws from the queues what has been pending longer than the contracts allow, settles it and reports it to the
  // shop. Called on a timer; public for tests and for an operator's hand.
  absl::Status ExpirePending();
  // Ends every stream with DRAINING, settles all acknowledgements and stops. Idempotent.
  void Drain();

  int LiveStreams(absl::string_view partner) const;
  std::vector<PartnerStats> Stats() const;

  Settler* settler() { return &settler_; }
  InFlightCalls* calls() { return &calls_; }

  // disclosure::ReleaseSink
  std::vector<storage::DispatchMark> MarksFor(absl::Span<const storage::NewDisclosure> group,
                                              int64_t next_seq) override;
  void OnCommitted(std::vector<disclosure::CommittedDisclosure> disclosures) override;
  void OnUncertain() override;

 private:
  absl::StatusOr<std::shared_ptr<PartnerQueue>> QueueFor(const registry::PartnerView& partner);
  std::shared_ptr<PartnerQueue> FindQueue(storage::PartnerId partner) const;
  std::vector<std::shared_ptr<PartnerQueue>> AllQueues() const;
  void MarkDirty(storage::PartnerId partner);
  void PumpLoop();
  void Pump(const std::vector<std::shared_ptr<PartnerQueue>>& queues);
  void Tick();

  // Constant after construction.
  const registry::SnapshotHolder* const snapshots_;
  storage::Store* const store_;
  crypto::KeyStore* const keys_;
  const DeliveryHubOptions options_;

  disclosure::GrantCache grants_;
  InFlightCalls calls_;
  Settler settler_;

  // The committing thread's own: marks that the group under commit carries.
  std::vector<storage::DispatchMark> proposed_;

  mutable absl::Mutex mutex_;
  absl::flat_hash_map<storage::PartnerId, std::shared_ptr<PartnerQueue>> queues_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_set<storage::PartnerId> dirty_ ABSL_GUARDED_BY(mutex_);
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time next_expiry_ = absl::InfinitePast();  // the pump thread's own
  std::thread pump_;
};

}  // namespace postern::delivery
