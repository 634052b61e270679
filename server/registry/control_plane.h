// What everything that changes partners, contracts and campaigns shares. Built by the gateway, passed by pointer, owned
// by neither side.
#pragma once

#include <functional>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/crypto/key_store.h"
#include "server/registry/events.h"
#include "server/registry/ports.h"
#include "server/registry/snapshot_builder.h"
#include "server/storage/store.h"

namespace postern::registry {

struct ControlPlane {
  storage::Store* store = nullptr;
  crypto::KeyStore* keys = nullptr;
  SnapshotBuilder* snapshots = nullptr;
  EventFeed* events = nullptr;
  PartnerCutter* cutter = nullptr;
  ConnectionAborter* connections = nullptr;
  std::function<absl::Time()> clock;
  // Held by every method that changes a partner, a bundle, a revision or a campaign, from its first read to its last
  // step: operators' work is rare, and a state change with its fence must not interleave with another. What takes long
  // and changes nothing, compiling and verifying, is done before, and what it was done from is read again. Never taken
  // on the path of a disclosure or a delivery, nor by a thread that holds a pass of a PartnerFence.
  absl::Mutex mutex;
};

}  // namespace postern::registry
