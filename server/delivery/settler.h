// Makes acknowledgements and ends durable, in batches.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/storage/store.h"

namespace postern::delivery {

class PartnerQueue;

struct SettlerOptions {
  // Acknowledgements wait this long for company, or until there are this many.
  absl::Duration interval = absl::Milliseconds(20);
  int64_t max_acknowledgements = 1024;
  // How long to wait after the ledger refused.
  absl::Duration retry = absl::Seconds(1);
};

// Thread-safe. If the ledger cannot be written, what came from queues is kept and tried again: until it is durable the
// records may be redelivered after a restart, which at-least-once delivery allows.
class Settler {
 public:
  using Done = std::function<void(absl::Status)>;

  // `on_settled` is called after every durable batch; may be null.
  Settler(storage::Store* store, SettlerOptions options, std::function<void()> on_settled);
  // Stops.
  ~Settler();

  // `queue` has this many ends to settle.
  void Notify(const std::shared_ptr<PartnerQueue>& queue, int64_t unsettled);
  // Settles a batch that belongs to no queue, at once; `done` is called once from the settling thread, with
  // LEDGER_UNAVAILABLE if it could not be written (then it is not tried again).
  void Settle(storage::SettleBatch batch, Done done);
  // Settles all that waits before it returns.
  absl::Status Flush();
  // Flushes once and ends the thread. Idempotent.
  void Stop();

 private:
  struct Direct {
    storage::SettleBatch batch;
    Done done;
  };

  void Loop();
  absl::Status SettleAll();
  bool Due() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stop_ || !direct_.empty() || Full(); }
  bool Full() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  storage::Store* const store_;
  const SettlerOptions options_;
  const std::function<void()> on_settled_;

  absl::Mutex settling_;  // one transaction at a time, so that Flush covers what is under way
  absl::Mutex mutex_;
  absl::flat_hash_map<std::shared_ptr<PartnerQueue>, int64_t> dirty_ ABSL_GUARDED_BY(mutex_);
  std::vector<Direct> direct_ ABSL_GUARDED_BY(mutex_);
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace postern::delivery
