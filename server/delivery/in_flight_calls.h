// Calls to partners that wait for their reply, so that a revocation can count and cancel them.
#pragma once

#include <cstdint>
#include <functional>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "server/storage/store.h"

namespace postern::delivery {

// Thread-safe.
class InFlightCalls {
 public:
  using Token = uint64_t;

  // `cancel` must not block and must not call back into this object.
  Token Add(storage::PartnerId partner, std::function<void()> cancel);
  // The call has ended. Unknown tokens are ignored.
  void Remove(Token token);
  // Cancels every call of a partner and says how many there were; their owners settle them as they end.
  int CancelAll(storage::PartnerId partner);
  int Count(storage::PartnerId partner) const;

 private:
  struct Call {
    storage::PartnerId partner = 0;
    std::function<void()> cancel;
  };
  mutable absl::Mutex mutex_;
  Token next_ ABSL_GUARDED_BY(mutex_) = 1;
  absl::flat_hash_map<Token, Call> calls_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace postern::delivery
