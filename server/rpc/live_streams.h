// The streams that a shutdown has to end: they would never end by themselves.
#pragma once

#include <cstdint>
#include <functional>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"

namespace postern::rpc {

// Thread-safe.
class LiveStreams {
 public:
  using Id = uint64_t;
  // `end` asks the stream to end; it must not block, may be called more than once and shortly after Remove: it holds
  // the stream weakly. Called at once if EndAll was.
  Id Add(std::function<void()> end);
  void Remove(Id id);
  void EndAll();

 private:
  absl::Mutex mutex_;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  Id next_ ABSL_GUARDED_BY(mutex_) = 1;
  absl::flat_hash_map<Id, std::function<void()>> streams_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace postern::rpc
