#include "server/crypto/key_cache.h"

#include <utility>

namespace postern::crypto {

std::optional<KeyHandle> KeyCache::Find(const KeyId& id) {
  absl::MutexLock lock(&mutex_);
  const auto found = by_name_.find(id.WithIncarnation(0));
  if (found == by_name_.end()) return std::nullopt;
  by_use_.splice(by_use_.begin(), by_use_, found->second);
  return *found->second;
}

void KeyCache::Insert(KeyHandle key) {
  if (capacity_ == 0) return;
  absl::MutexLock lock(&mutex_);
  const KeyId name = key.id.WithIncarnation(0);
  if (const auto found = by_name_.find(name); found != by_name_.end()) {
    *found->second = std::move(key);
    by_use_.splice(by_use_.begin(), by_use_, found->second);
    return;
  }
  if (by_name_.size() >= capacity_) {
    by_name_.erase(by_use_.back().id.WithIncarnation(0));
    by_use_.pop_back();
  }
  by_use_.push_front(std::move(key));
  by_name_.emplace(name, by_use_.begin());
}

void KeyCache::Erase(const KeyId& id) {
  absl::MutexLock lock(&mutex_);
  const auto found = by_name_.find(id.WithIncarnation(0));
  if (found == by_name_.end() || found->second->id.incarnation() > id.incarnation()) return;
  by_use_.erase(found->second);
  by_name_.erase(found);
}

}  // namespace postern::crypto
