// Work that is kept off the commit path, in a thread of its own: checkpoints, sweeping ended backlogs, forgetting old
// requests, record versions, indexing.
#pragma once

#include <cstdint>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/storage/sqlite/ledger_writer.h"
#include "server/storage/sqlite/reader_pool.h"
#include "server/storage/sqlite/sqlite_store.h"
#include "server/storage/sqlite/subject_index.h"

namespace postern::storage {

// Thread-safe. A step that fails, or that a reader keeps from its end, is left for the next round: none of it is needed
// for what was promised to a caller.
class Maintenance {
 public:
  // Starts the thread. Everything referred to must outlive this.
  Maintenance(LedgerWriter& writer, ReaderPool& readers, SubjectIndex& index, const SqliteStoreOptions& options);
  // Ends it after the step under way.
  ~Maintenance();

  // Called after every write; cheap unless there is something to do.
  void Notice();
  // Ended backlogs have payloads to delete.
  void RequestSweep();
  // Deleted bytes are to leave the files.
  void RequestScrub();

 private:
  struct Work {
    bool checkpoint = false;
    bool scrub = false;
    bool sweep = false;
    bool index = false;
    bool versions = false;
    bool expire = false;
  };

  void Run();
  Work WaitForWork();
  void Do(const Work& work);
  absl::Status WriteVersions();
  int64_t UnindexedTail() const;

  LedgerWriter& writer_;
  ReaderPool& readers_;
  SubjectIndex& index_;
  const SqliteStoreOptions options_;

  absl::Mutex mutex_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  bool noticed_ ABSL_GUARDED_BY(mutex_) = false;
  bool scrub_ ABSL_GUARDED_BY(mutex_) = false;
  bool sweep_ ABSL_GUARDED_BY(mutex_) = true;  // once at the start, for what a crash left
  bool scrub_left_ = false;                    // from the round before; this and the rest are the thread's own
  bool sweep_left_ = false;
  absl::Time next_checkpoint_ = absl::InfinitePast();
  int64_t seen_seq_ = 0;
  absl::Time quiet_since_ = absl::InfinitePast();
  absl::Time next_expiry_ = absl::InfinitePast();
  std::thread thread_;
};

}  // namespace postern::storage
