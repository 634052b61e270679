// A map from names to numbers in sorted runs, in tables of an SQLite database.
//
// Names are digests: in one B-tree, each new one would dirty a page of its own. So they are written in batches, each a
// run of its own that is appended chunk by chunk (base/sorted_chunk.h), and when eight runs of a size are there they
// are merged into one. A lookup asks the runs from the newest on; a filter in memory spares it all but the one that
// holds the name, and a name that is nowhere costs no read at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/base/sorted_chunk.h"
#include "server/crypto/run_filter.h"
#include "server/crypto/sqlite_file.h"

namespace postern::crypto {

// Not thread-safe. Writes are steps of some hundred chunks, each in a transaction of the caller's that must end with
// Committed or RolledBack.
class SortedRuns {
 public:
  using Name = RunFilter::Name;

  // The tables are there already: {tables}_runs(run INTEGER PRIMARY KEY, names, filter) and {tables}_chunks(run, first,
  // entries, PRIMARY KEY(run, first)). Reads the filters, 10 bits a name. The connection must outlive this.
  absl::Status Open(sqlite3* connection, absl::string_view tables);

  // The newest value of a name.
  absl::StatusOr<std::optional<uint64_t>> Find(const Name& name);

  // Begins a run. `entries` are sorted by name, each name once, and are borrowed until the run can be seen or was
  // rolled back. Not while busy.
  void Start(absl::Span<const base::ChunkEntry> entries);
  // Steps are left to do: a run to be written, runs to be merged, or merged ones to be deleted.
  bool busy() const { return job_.has_value() || !garbage_.empty() || RunsToMerge() > 0; }
  // One step. True if Find sees the run of Start once the transaction is committed.
  absl::StatusOr<bool> Step();
  void Committed();
  // Gives up the run under way, Start's or a merge.
  void RolledBack();

 private:
  struct Run {
    int64_t id = 0;
    size_t names = 0;
    RunFilter filter;
  };
  // Reads a stored run from its start.
  struct Cursor {
    int64_t run = 0;
    std::vector<base::ChunkEntry> chunk;
    size_t place = 0;  // chunk.size(): at the end
  };
  // A run that is being written.
  struct Job {
    int64_t run = 0;
    RunFilter filter;
    size_t names = 0;                            // so far
    absl::Span<const base::ChunkEntry> entries;  // what is left of Start's
    std::vector<Cursor> inputs;                  // or of the runs that are merged, the newest last
    bool complete = false;                       // with the transaction under way
  };

  size_t RunsToMerge() const;
  absl::Status StartMerge(size_t runs);
  absl::Status WriteChunks();
  absl::Status Publish();
  absl::Status DeleteChunks();
  absl::StatusOr<std::vector<base::ChunkEntry>> TakeMerged(size_t count);
  absl::Status Advance(Cursor& cursor);
  absl::Status LoadChunk(Cursor& cursor, absl::string_view after);

  SqliteStatement find_, next_, insert_, delete_chunks_, insert_run_, delete_run_;
  std::vector<Run> runs_;  // the oldest first
  int64_t next_run_ = 1;
  std::optional<Job> job_;
  std::vector<int64_t> garbage_;  // runs whose chunks are to go
  bool last_of_garbage_ = false;  // with the transaction under way
};

}  // namespace postern::crypto
