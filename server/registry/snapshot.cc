#include "server/registry/snapshot.h"

#include <utility>

namespace postern::registry {

const ActiveGrant* PartnerView::FindGrant(absl::string_view purpose, absl::string_view record_type) const {
  // A partner has a handful of grants: a scan beats a map.
  for (const ActiveGrant& grant : grants) {
    if (grant.grant->purpose == purpose && grant.grant->record_type == record_type) return &grant;
  }
  return nullptr;
}

const PartnerView* Snapshot::FindPartner(absl::string_view name) const {
  const auto it = partners.find(name);
  return it == partners.end() ? nullptr : it->second.get();
}

std::shared_ptr<const Snapshot> SnapshotHolder::Get() const {
  absl::MutexLock lock(&mutex_);
  return snapshot_;
}

void SnapshotHolder::Set(std::shared_ptr<const Snapshot> snapshot) {
  absl::MutexLock lock(&mutex_);
  snapshot_.swap(snapshot);
}

}  // namespace postern::registry
