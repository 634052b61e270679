// The one writer of the ledger: seals and commits disclosures in groups.
//
// A group is whatever is queued when the previous one is durable. One key store transaction makes the keys of a group,
// one ledger transaction commits it; then its entries are released and its callers answered.
//
// One thread at a time commits. It is the writer's, but for a caller that is alone: that one commits its own group and
// answers itself, because the way through other threads costs more than the work.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/crypto/key_store.h"
#include "server/disclosure/entry.h"
#include "server/disclosure/release.h"
#include "server/disclosure/sealer.h"
#include "server/storage/store.h"

namespace postern::disclosure {

struct CommitterOptions {
  // Entries that may wait. A job that would exceed it is refused with OVERLOADED.
  size_t max_queued_entries = 8192;
  // How often a ledger that failed is tried again while nobody asks.
  absl::Duration probe_interval = absl::Seconds(1);
  std::function<absl::Time()> clock = [] { return absl::Now(); };
  // Told when the ledger stops and starts to accept writes, from the committing thread. May be null.
  std::function<void(bool serving)> on_serving;
  // Told of every group that became durable: how many entries it had, and the time from taking it from the queue. From
  // the committing thread; may be null.
  std::function<void(size_t entries, absl::Duration time)> on_group;
};

// The entries of one call, in order. An entry that is refused makes later entries of the same partner and record key in
// the job EARLIER_RECORD_REFUSED.
struct CommitJob {
  std::vector<Entry> entries;
  // Called exactly once when every entry has its result (Entry::result), from a thread of the committer or from inside
  // Enqueue.
  std::function<void(std::vector<Entry> entries)> done;
};

// Thread-safe.
class Committer {
 public:
  struct Stats {
    uint64_t groups = 0;     // ledger transactions
    uint64_t committed = 0;  // fresh entries
    uint64_t failures = 0;   // groups that could not be written
    size_t queued = 0;       // entries that wait now
  };

  // Borrows the parts, which must outlive this. `sink` may be null: nothing is released then.
  Committer(storage::Store* store, crypto::KeyStore* keys, ReleaseSink* sink, CommitterOptions options);
  // Drains.
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  // Takes a job. OVERLOADED if the queue is full and DRAINING after Drain; then `done` is not called and `job` is left
  // as it was. While nobody else waits for an answer, a small job is committed before this returns: then the caller's
  // thread waits for the disk, one of all callers' at most.
  absl::Status Enqueue(CommitJob& job);
  // Returns when every group that is being committed now has been released: what the ledger holds then, the sink has.
  void AwaitReleased();
  // Refuses new jobs, answers all that were taken, and returns.
  void Drain();

  bool serving() const;
  Stats stats() const;

 private:
  struct PendingJob;
  // One entry of one job in the group at hand.
  struct Slot {
    std::shared_ptr<PendingJob> job;
    size_t index = 0;
    Entry& entry() const;
  };
  using Group = std::vector<Slot>;

  void WriterLoop();
  void CompletionLoop();
  // Whether the writer has something to do. Callers who are being answered right now are likely to come again: a small
  // group waits for them, since every group costs two waits for the disk.
  bool MayWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The next group, in queue order. It ends before an entry whose fate depends on one that is in it already.
  Group TakeGroup() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Commit(const Group& group);
  absl::Status WriteGroup(const std::vector<Entry*>& entries);
  void Release(const std::vector<Entry*>& entries, const std::vector<storage::CommitResult>& results);
  // Counts the entries as done; returns the jobs that are complete.
  static std::vector<std::shared_ptr<PendingJob>> Finish(const Group& group);
  void Answer(PendingJob& pending);
  void SetServing(bool serving);
  void Probe();

  // Constant after construction.
  storage::Store* const store_;
  crypto::KeyStore* const keys_;
  ReleaseSink* const sink_;
  const CommitterOptions options_;

  // The committing thread's own, whichever that is.
  Sealer sealer_;
  int64_t next_seq_ = 0;  // position that the next entry gets; 0: to be read from the store

  mutable absl::Mutex mutex_;
  bool committing_ ABSL_GUARDED_BY(mutex_) = false;  // somebody is
  std::deque<std::shared_ptr<PendingJob>> queue_ ABSL_GUARDED_BY(mutex_);
  size_t queued_entries_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t unanswered_ ABSL_GUARDED_BY(mutex_) = 0;  // jobs that were taken
  std::deque<std::shared_ptr<PendingJob>> completed_ ABSL_GUARDED_BY(mutex_);
  uint64_t groups_taken_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t groups_released_ ABSL_GUARDED_BY(mutex_) = 0;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool writer_done_ ABSL_GUARDED_BY(mutex_) = false;
  bool serving_ ABSL_GUARDED_BY(mutex_) = true;
  Stats stats_ ABSL_GUARDED_BY(mutex_);

  std::thread completer_;
  std::thread writer_;
};

}  // namespace postern::disclosure
