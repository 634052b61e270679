// index.db: which disclosures concern a subject, or an order. Built from ledger.db behind its back, and rebuilt from
// nothing whenever it is missing, damaged or of another ledger.
//
// Entries (subject, seq) are written in sorted runs, chunk by chunk (base/sorted_chunk.h), never inserted all over a
// B-tree; when eight runs of a size are there they are merged into one. A lookup asks every run and then scans the tail
// of the ledger that is not indexed yet.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/base/sorted_chunk.h"
#include "server/storage/sqlite/connection.h"
#include "server/storage/sqlite/data_directory.h"
#include "server/storage/sqlite/reader_pool.h"
#include "server/storage/sqlite/subject_scan.h"
#include "server/storage/store.h"

namespace postern::storage {

// Thread-safe.
class SubjectIndex {
 public:
  // `instance` identifies the ledger. `directory` must outlive the index. Errors as OpenSqliteStore.
  static absl::StatusOr<std::unique_ptr<SubjectIndex>> Open(const DataDirectory& directory,
                                                            const crypto::Uuid& instance, ReaderPool& ledger,
                                                            const std::string& vfs);

  // Indexes whatever the ledger has more, `batch` disclosures a run. Starts anew if the index turns out damaged.
  absl::Status Extend(ReaderPool& ledger, int64_t batch);
  // As Store::ListBySubject.
  absl::StatusOr<std::vector<DisclosureRow>> ListBySubject(ReaderPool& ledger, const Mac16& subject, int64_t after,
                                                           int limit);
  // Everything at or below this position is indexed.
  int64_t indexed_through() const { return indexed_through_.load(std::memory_order_acquire); }

 private:
  struct Batch {
    std::vector<base::ChunkEntry> entries;  // subject and seq
    int64_t through = 0;
    crypto::Uuid last_id;  // of the disclosure at `through`
  };
  // What index says of a subject, and how far it goes.
  struct Found {
    std::vector<int64_t> seqs;
    int64_t through = 0;
  };

  SubjectIndex(const DataDirectory& directory, const crypto::Uuid& instance, std::string vfs)
      : directory_(directory), instance_(instance), vfs_(std::move(vfs)) {}

  absl::Status OpenFile() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_, read_mutex_);
  absl::Status StartAnew() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_, read_mutex_);
  absl::StatusOr<bool> BelongsTo(ReaderPool& ledger) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status WriteRun(Batch batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status MergeFullTier() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::StatusOr<Found> Find(const Mac16& subject, int64_t after, int limit) ABSL_LOCKS_EXCLUDED(read_mutex_);

  const DataDirectory& directory_;
  const crypto::Uuid instance_;
  const std::string vfs_;

  absl::Mutex write_mutex_;
  std::unique_ptr<SqliteConnection> writer_ ABSL_GUARDED_BY(write_mutex_);
  // Apart from the writer, so that a lookup does not wait for a merge.
  absl::Mutex read_mutex_;
  std::unique_ptr<SqliteConnection> reader_ ABSL_GUARDED_BY(read_mutex_);
  std::atomic<int64_t> indexed_through_{0};
  SubjectTail tail_;
};

}  // namespace postern::storage
