// Builds the snapshot from the store and the key store and swaps it in. The same code runs at start and after every
// change.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/crypto/key_store.h"
#include "server/registry/freezes.h"
#include "server/registry/partner_fence.h"
#include "server/registry/policy_in_force.h"
#include "server/registry/snapshot.h"
#include "server/storage/store.h"

namespace postern::registry {

// Thread-safe. Store, key store and holder must outlive it.
class SnapshotBuilder {
 public:
  using Clock = std::function<absl::Time()>;
  SnapshotBuilder(storage::Store* store, crypto::KeyStore* keys, SnapshotHolder* holder, Clock clock)
      : store_(store), keys_(keys), holder_(holder), clock_(std::move(clock)) {}

  // Reads the state and swaps a new snapshot in. Rebuilds are serialised, so the last one to finish has read the
  // newest state. Compiles only if the policy in force changed since the last rebuild. POLICY_INVALID if what is stored
  // does not compile, or a storage error; the old snapshot stays.
  absl::Status Rebuild() ABSL_LOCKS_EXCLUDED(mutex_);

  // The one fence of a partner, shared by every snapshot. Made by the first rebuild that sees the partner: open if it
  // is ACTIVE then, closed otherwise. Null before that. Afterwards only who holds ControlPlane::mutex opens and closes
  // it; Rebuild never does.
  std::shared_ptr<PartnerFence> Fence(absl::string_view partner) const ABSL_LOCKS_EXCLUDED(mutex_);

  // What the last rebuild compiled; null before the first bundle.
  std::shared_ptr<const PolicyInForce> policy() const ABSL_LOCKS_EXCLUDED(mutex_);

  // A compilation that the next rebuild may find to be what is in force; it is not made again then.
  void Offer(std::shared_ptr<const PolicyInForce> policy) ABSL_LOCKS_EXCLUDED(mutex_);

  std::shared_ptr<const Snapshot> Get() const { return holder_->Get(); }

 private:
  absl::Status LoadPolicy(const std::vector<storage::PartnerRow>& partners) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::shared_ptr<const PartnerView>> BuildView(const storage::PartnerRow& row, const Freezes& freezes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status AddGrants(const Freezes& freezes, PartnerView* view) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<storage::GrantId> Intern(const storage::GrantRef& ref) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Constant after construction.
  storage::Store* const store_;
  crypto::KeyStore* const keys_;
  SnapshotHolder* const holder_;
  const Clock clock_;

  mutable absl::Mutex mutex_;
  absl::flat_hash_map<std::string, std::shared_ptr<PartnerFence>> fences_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const PolicyInForce> policy_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const PolicyInForce> offered_ ABSL_GUARDED_BY(mutex_);  // null but for one rebuild
  // Revision, purpose, record type, bundle digest. A revision fixes the partner and the locator path, a bundle the
  // policy version.
  using InternKey = std::tuple<std::string, std::string, std::string, std::string>;
  std::map<InternKey, storage::GrantId> interned_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace postern::registry
