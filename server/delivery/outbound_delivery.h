// The gateway's own channels, one for every partner whose contracts say push or webhook: opened and dropped as
// snapshots come, and stopped by revocations.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/delivery/delivery_hub.h"
#include "server/delivery/outbound_channel.h"
#include "server/delivery/outbound_transport.h"
#include "server/registry/endpoint_registry.h"
#include "server/registry/snapshot.h"

namespace postern::delivery {

struct OutboundOptions {
  // How often snapshots, pauses and channels that ended are looked at.
  absl::Duration tick = absl::Milliseconds(250);
  // How long a revocation waits for calls that it has cancelled, and a drain for calls that go on.
  absl::Duration patience = absl::Seconds(2);
  std::function<absl::Time()> clock = [] { return absl::Now(); };
};

// Thread-safe.
class OutboundDelivery {
 public:
  struct Parts {
    const registry::SnapshotHolder* snapshots = nullptr;
    registry::EndpointRegistry* endpoints = nullptr;
    DeliveryHub* hub = nullptr;
    OutboundTransport* push = nullptr;     // null: contracts that push wait
    OutboundTransport* webhook = nullptr;  // null: contracts that post wait
  };
  struct Stats {
    int channels = 0;
    int unproven = 0;  // of these, with an endpoint that has not answered its challenge
    int failing = 0;   // of these, whose last call failed
  };

  // Borrows the parts, which must outlive this.
  OutboundDelivery(Parts parts, OutboundOptions options);
  // Stops.
  ~OutboundDelivery();

  void Start();
  // Ends the thread, lets calls under way come to their end for a while, and closes every channel. To be called before
  // the hub drains. Idempotent.
  void Stop();

  // The partner's fence is closed and its calls are cancelled: waits until they have ended and drops its connections.
  // Not one byte is written to it after this.
  void StopPartner(absl::string_view partner);
  Stats stats() const;

 private:
  using ChannelPtr = std::shared_ptr<OutboundChannel>;

  void Loop();
  // Brings channels in line with the snapshot.
  void Reconcile();
  // What a channel asks of its owner. True if the channel is to be dropped.
  bool SeeTo(OutboundChannel& channel);
  // Closes a channel and drops it; a revocation still waits for its calls.
  void Retire(const ChannelPtr& channel);
  bool EndpointChanged(const OutboundTarget& target) const;
  // False if it could not be opened now and should be tried again.
  bool Open(const registry::Snapshot& snapshot, OutboundTarget target);
  OutboundTransport* TransportOf(const v1::Delivery& terms) const;
  ChannelPtr Find(const std::string& partner) const;
  std::vector<ChannelPtr> All() const;

  const Parts parts_;
  const OutboundOptions options_;

  std::shared_ptr<const registry::Snapshot> seen_;  // the thread's own
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<std::string, ChannelPtr> channels_ ABSL_GUARDED_BY(mutex_);  // by partner
  std::vector<ChannelPtr> retired_ ABSL_GUARDED_BY(mutex_);  // closed, perhaps with calls under way
  bool notified_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace postern::delivery
