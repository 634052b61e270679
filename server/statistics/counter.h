// Counts what commits have left to be counted: each disclosure once.
//
// A commit leaves a line for every disclosure in its own transaction. Rounds read lines in the order of the ledger, add
// them to their cells, and write the cells and the end of the lines in one transaction: a crash before it counts
// nothing, one after it has counted all, and the next round goes on from there.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/registry/snapshot.h"
#include "server/revocation/background_loop.h"
#include "server/statistics/categories.h"
#include "server/storage/store.h"

namespace postern::statistics {

struct CounterOptions {
  absl::Duration interval = absl::Seconds(5);
  int page_disclosures = 4096;  // counted in one transaction
  std::function<absl::Time()> clock;
};

// Thread-safe; methods block on the store.
class Counter {
 public:
  // The parts are borrowed.
  Counter(storage::Store* store, const registry::SnapshotHolder* snapshots, CounterOptions options);

  void Start() { loop_.Start(); }
  void Stop() { loop_.Stop(); }

  // Counts everything that waits, then closes the periods that are over. LEDGER_UNAVAILABLE; INTERNAL if what is stored
  // contradicts itself.
  absl::Status RunOnce();

  // Rounds that failed and are tried again; for metrics.
  int64_t failed_rounds() const { return failed_rounds_; }

 private:
  using Cells = std::map<storage::StatisticsKey, v1::StatisticsTally>;
  // What decides which cells a disclosure counts in: many of a page have it in common.
  struct Source {
    const ReleasedCategories::Facts* facts = nullptr;
    const storage::StatisticsPeriodRow* period = nullptr;
    storage::PartnerId partner = 0;
    std::string region;

    friend bool operator==(const Source&, const Source&) = default;
    template <typename H>
    friend H AbslHashValue(H state, const Source& source) {
      return H::combine(std::move(state), source.facts, source.period, source.partner, source.region);
    }
  };
  // The cells of the sources that a page has met: one a category, in the facts' order.
  using Places = absl::flat_hash_map<Source, std::vector<Cells::value_type*>>;

  // What is in memory of the store, at the first round and after a write that failed.
  absl::Status Load() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<bool> CountPage() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Count(const storage::UncountedDisclosure& one, ReleasedCategories* released, Places* places,
                     storage::StatisticsChange* change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::vector<Cells::value_type*>> CellsOf(const Source& source) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The open period that a disclosure of `time` counts in, made if there was none.
  absl::StatusOr<const storage::StatisticsPeriodRow*> OpenPeriod(absl::Time time, storage::StatisticsChange* change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::string> KindOf(storage::PartnerId partner) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status ClosePeriods() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Write(storage::ChangeSet change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  storage::Store& store_;
  const registry::SnapshotHolder& snapshots_;
  const CounterOptions options_;

  absl::Mutex mutex_;
  bool loaded_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<std::string, storage::StatisticsPeriodRow> periods_ ABSL_GUARDED_BY(mutex_);
  Cells cells_ ABSL_GUARDED_BY(mutex_);  // of open periods
  absl::flat_hash_map<storage::PartnerId, std::string> kinds_ ABSL_GUARDED_BY(mutex_);
  std::atomic<int64_t> failed_rounds_{0};
  revocation::BackgroundLoop loop_;  // last: its thread uses what is above
};

}  // namespace postern::statistics
