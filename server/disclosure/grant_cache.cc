#include "server/disclosure/grant_cache.h"

#include "proto/errors/error.h"

namespace postern::disclosure {

absl::StatusOr<std::shared_ptr<const storage::GrantRef>> GrantCache::Get(storage::GrantId id) {
  {
    absl::MutexLock lock(&mutex_);
    const auto it = grants_.find(id);
    if (it != grants_.end()) return it->second;
  }
  POSTERN_ASSIGN_OR_RETURN(storage::GrantRef grant, store_->ReadGrant(id));
  auto shared = std::make_shared<const storage::GrantRef>(std::move(grant));
  absl::MutexLock lock(&mutex_);
  return grants_.try_emplace(id, std::move(shared)).first->second;
}

}  // namespace postern::disclosure
