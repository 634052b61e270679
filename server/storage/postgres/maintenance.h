// Work that is kept off the commit path, in a thread of its own: sweeping ended backlogs, forgetting old requests,
// vacuuming, finding a server that has come back.
#pragma once

#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/storage/postgres/postgres_writer.h"
#include "server/storage/postgres/session_pool.h"

namespace postern::storage {

// Thread-safe. A step that fails is left for the next round: none of it is needed for what was promised to a caller.
class PostgresMaintenance {
 public:
  // Starts the thread. Everything referred to must outlive this.
  PostgresMaintenance(PostgresWriter& writer, SessionPool& readers, SessionOptions session,
                      std::function<absl::Time()> clock);
  // Ends it after the step under way.
  ~PostgresMaintenance();

  // Ended backlogs have payloads to delete.
  void RequestSweep();
  // Deleted bytes are to leave the tables.
  void RequestScrub();

 private:
  void Run();
  void Round(bool sweep, bool scrub);
  absl::Status Vacuum();

  PostgresWriter& writer_;
  SessionPool& readers_;
  const SessionOptions session_;
  const std::function<absl::Time()> clock_;

  absl::Mutex mutex_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  bool scrub_ ABSL_GUARDED_BY(mutex_) = false;
  bool sweep_ ABSL_GUARDED_BY(mutex_) = true;  // once at the start, for what a crash left
  bool scrub_left_ = false;                    // from the round before; this and the rest are the thread's own
  bool sweep_left_ = false;
  absl::Duration since_expiry_ = absl::InfiniteDuration();
  std::thread thread_;
};

}  // namespace postern::storage
