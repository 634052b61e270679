#include "server/disclosure/projector_cache.h"

#include <utility>

#include "proto/errors/error.h"

namespace postern::disclosure {

absl::StatusOr<std::shared_ptr<const policy::MultiProjector>> ProjectorCache::Get(const Plans& plans) {
  std::vector<const policy::ProjectionPlan*> key;
  key.reserve(plans.size());
  for (const auto& plan : plans) key.push_back(plan.get());
  {
    const absl::ReaderMutexLock lock(&mutex_);
    const auto known = projectors_.find(key);
    if (known != projectors_.end()) return known->second;
  }
  POSTERN_ASSIGN_OR_RETURN(std::shared_ptr<const policy::MultiProjector> made, policy::MultiProjector::Create(plans));
  const absl::MutexLock lock(&mutex_);
  if (projectors_.size() >= kMaxProjectors) projectors_.clear();
  return projectors_.try_emplace(std::move(key), std::move(made)).first->second;
}

}  // namespace postern::disclosure
