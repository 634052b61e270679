// Audits refusals off the reply path: one entry for each (principal, resource, reason) and interval, with a count.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <tuple>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "proto/postern/v1/errors.pb.h"
#include "server/storage/store.h"

namespace postern::disclosure {

struct RefusalRecorderOptions {
  absl::Duration interval = absl::Seconds(1);
  // Distinct entries an interval may have; beyond that resources and then principals are summed up under an empty name.
  size_t max_entries = 1024;
  std::function<absl::Time()> clock = [] { return absl::Now(); };
};

// Thread-safe. Names given to it must be public: principals and resource names, never record content.
class RefusalRecorder {
 public:
  RefusalRecorder(storage::Store* store, RefusalRecorderOptions options);
  // Flushes.
  ~RefusalRecorder();
  RefusalRecorder(const RefusalRecorder&) = delete;
  RefusalRecorder& operator=(const RefusalRecorder&) = delete;

  // Never blocks on storage.
  void Record(absl::string_view principal, absl::string_view resource, v1::ErrorReason reason);
  // Appends what was recorded so far. While the ledger cannot be written the counts are kept and tried again.
  absl::Status Flush();
  // Refusals recorded since the start.
  uint64_t total() const;

 private:
  struct Key {
    std::string principal;
    std::string resource;
    v1::ErrorReason reason = v1::ERROR_REASON_UNSPECIFIED;
    friend bool operator==(const Key& a, const Key& b) {
      return a.reason == b.reason && a.principal == b.principal && a.resource == b.resource;
    }
    template <typename H>
    friend H AbslHashValue(H state, const Key& key) {
      return H::combine(std::move(state), key.principal, key.resource, static_cast<int>(key.reason));
    }
  };
  using Counts = absl::flat_hash_map<Key, int64_t>;

  void Loop();
  void Add(Key key, int64_t count) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  storage::Store* const store_;
  const RefusalRecorderOptions options_;

  absl::Mutex flush_mutex_;  // one flush at a time
  mutable absl::Mutex mutex_;
  Counts counts_ ABSL_GUARDED_BY(mutex_);
  uint64_t total_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace postern::disclosure
