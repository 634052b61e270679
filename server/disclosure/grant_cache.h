// What an interned grant number stands for. Grants are immutable, so what was read once holds.
#pragma once

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/storage/store.h"

namespace postern::disclosure {

// Thread-safe. Grows by one small entry for every contract revision, purpose and record type ever disclosed under.
class GrantCache {
 public:
  explicit GrantCache(storage::Store* store) : store_(store) {}
  // Reads the store the first time. NOT_FOUND, LEDGER_UNAVAILABLE.
  absl::StatusOr<std::shared_ptr<const storage::GrantRef>> Get(storage::GrantId id);

 private:
  storage::Store* const store_;
  absl::Mutex mutex_;
  absl::flat_hash_map<storage::GrantId, std::shared_ptr<const storage::GrantRef>> grants_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace postern::disclosure
