// What everything that changes a subject's standing shares. Built by the gateway, passed by pointer, owned by neither
// side.
#pragma once

#include <functional>
#include <string>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/crypto/key_store.h"
#include "server/delivery/delivery_hub.h"
#include "server/disclosure/committer.h"
#include "server/registry/control_plane.h"
#include "server/registry/snapshot.h"
#include "server/registry/subject_standings.h"
#include "server/revocation/notice.h"
#include "server/storage/store.h"

namespace postern::rights {

struct RightsPlane {
  storage::Store* store = nullptr;
  crypto::KeyStore* keys = nullptr;
  const registry::SnapshotHolder* snapshots = nullptr;
  registry::SubjectStandings* standings = nullptr;
  registry::ControlPlane* control = nullptr;
  disclosure::Committer* committer = nullptr;
  delivery::DeliveryHub* hub = nullptr;
  revocation::CampaignOptions campaigns;  // also: the log's origin, and the key that signs certificates
  std::function<absl::Time()> clock;
  // Held by every method that changes what is on record about a subject or a request, from its first read to its last
  // step: the versions of standings must grow in order. Taken before ControlPlane::mutex where both are needed, and
  // never on the path of a disclosure.
  absl::Mutex mutex;
};

}  // namespace postern::rights
