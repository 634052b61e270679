// The unwrapped keys in memory: the least recently used go first.
#pragma once

#include <cstddef>
#include <list>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/crypto/key_name_map.h"
#include "server/crypto/key_store.h"

namespace postern::crypto {

// Holds one living key a name, whatever its incarnation. Thread-safe.
class KeyCache {
 public:
  explicit KeyCache(size_t capacity) : capacity_(capacity) {}

  // The living key of the name in `id`, whose incarnation is not looked at.
  std::optional<KeyHandle> Find(const KeyId& id);
  void Insert(KeyHandle key);
  // The key of the name, unless it is a later one than `id`.
  void Erase(const KeyId& id);

 private:
  const size_t capacity_;

  absl::Mutex mutex_;
  std::list<KeyHandle> by_use_ ABSL_GUARDED_BY(mutex_);  // the most recent first
  // Keyed by the id with incarnation 0.
  KeyNameMap<std::list<KeyHandle>::iterator> by_name_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace postern::crypto
