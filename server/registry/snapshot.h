// What holds at one instant: policy, contracts in force, partners and their fences. Compiled, immutable, replaced
// whole.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "policy/language/compiler.h"
#include "server/crypto/hmac.h"
#include "server/crypto/secret.h"
#include "server/registry/partner_fence.h"
#include "server/storage/store.h"

namespace postern::registry {

// A grant in force, with everything the disclosure path needs of it.
struct ActiveGrant {
  const policy::CompiledGrant* grant = nullptr;  // owned by the snapshot's bundle or revision
  const policy::CompiledContract* contract = nullptr;
  std::string contract_revision;  // resource name
  storage::GrantId grant_id = 0;
  bool frozen = false;  // a category of it is stopped while a complaint is looked into
};

// One partner as of this snapshot.
struct PartnerView {
  storage::PartnerId id = 0;
  v1::Partner resource;
  std::shared_ptr<PartnerFence> fence;  // shared by all snapshots
  uint64_t fence_version = 0;
  crypto::Uuid epoch_key, pseudonym_key, handle_key;
  std::shared_ptr<const crypto::HmacKey> pseudonym;  // null when destroyed
  std::shared_ptr<const crypto::HmacKey> handle;     // null when destroyed
  std::vector<ActiveGrant> grants;
  std::vector<std::shared_ptr<const policy::CompiledContract>> contracts;  // in force
  // Null if no contract in force grants the pair.
  const ActiveGrant* FindGrant(absl::string_view purpose, absl::string_view record_type) const;
};

class Snapshot {
 public:
  std::shared_ptr<const policy::CompiledBundle> bundle;  // null before the first bundle
  std::string bundle_digest;
  std::string policy_version;
  uint64_t fence_version = 0;  // read from the store when this snapshot was made
  // Null if unknown. `name` is "partners/{partner}".
  const PartnerView* FindPartner(absl::string_view name) const;
  absl::flat_hash_map<std::string, std::shared_ptr<const PartnerView>> partners;
};

// Hands out the current snapshot. Thread-safe.
class SnapshotHolder {
 public:
  std::shared_ptr<const Snapshot> Get() const;
  void Set(std::shared_ptr<const Snapshot> snapshot);

 private:
  mutable absl::Mutex mutex_;
  std::shared_ptr<const Snapshot> snapshot_ ABSL_GUARDED_BY(mutex_) = std::make_shared<const Snapshot>();
};

}  // namespace postern::registry
