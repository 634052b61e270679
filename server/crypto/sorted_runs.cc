#include "server/crypto/sorted_runs.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "absl/strings/substitute.h"
#include "proto/errors/error.h"
#include "server/crypto/errors.h"

namespace postern::crypto {
namespace {

using base::ChunkEntry;

// Chunks of one step: a commit that comes meanwhile waits for it, a millisecond or two.
constexpr size_t kStep = 128;
// A tier holds the runs of at least that many names. Runs of the last one are not merged: among 20 million names a
// lookup asks some thirty filters.
constexpr std::array<size_t, 3> kTierFloors = {0, 128 * 1024, 1024 * 1024};
constexpr size_t kRunsOfMerge = 8;

size_t TierOf(size_t names) {
  return static_cast<size_t>(std::upper_bound(kTierFloors.begin(), kTierFloors.end(), names) - kTierFloors.begin()) - 1;
}

}  // namespace

absl::Status SortedRuns::Open(sqlite3* connection, absl::string_view tables) {
  const auto prepare = [&](absl::string_view sql) {
    return SqliteStatement::Prepare(connection, absl::Substitute(sql, tables));
  };
  const std::pair<SqliteStatement*, absl::string_view> statements[] = {
      {&find_, "SELECT entries FROM $0_chunks WHERE run = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1"},
      {&next_, "SELECT entries FROM $0_chunks WHERE run = ?1 AND first > ?2 ORDER BY first LIMIT 1"},
      {&insert_, "INSERT INTO $0_chunks (run, first, entries) VALUES (?1, ?2, ?3)"},
      {&delete_chunks_,
       "DELETE FROM $0_chunks WHERE run = ?1 AND first IN (SELECT first FROM $0_chunks WHERE run = ?1 LIMIT ?2)"
       " RETURNING 1"},
      {&insert_run_, "INSERT INTO $0_runs (run, names, filter) VALUES (?1, ?2, ?3)"},
      {&delete_run_, "DELETE FROM $0_runs WHERE run = ?1"},
  };
  for (const auto& [statement, sql] : statements) {
    POSTERN_ASSIGN_OR_RETURN(*statement, prepare(sql));
  }
  POSTERN_ASSIGN_OR_RETURN(SqliteStatement runs, prepare("SELECT run, names, filter FROM $0_runs ORDER BY run"));
  for (;;) {
    POSTERN_ASSIGN_OR_RETURN(const bool row, runs.Step());
    if (!row) break;
    runs_.push_back({runs.Int(0), static_cast<size_t>(runs.Int(1)), RunFilter(runs.Bytes(2))});
    next_run_ = runs_.back().id + 1;
  }
  // What a crash left of runs that were being written or deleted.
  POSTERN_ASSIGN_OR_RETURN(SqliteStatement stored,
                           prepare("SELECT run FROM $0_chunks WHERE run > ?1 ORDER BY run LIMIT 1"));
  for (int64_t after = 0;;) {
    stored.BindInt(1, after);
    POSTERN_ASSIGN_OR_RETURN(const bool row, stored.Step());
    if (!row) return absl::OkStatus();
    after = stored.Int(0);
    stored.Reset();
    next_run_ = std::max(next_run_, after + 1);
    const auto is_it = [after](const Run& run) { return run.id == after; };
    if (std::none_of(runs_.begin(), runs_.end(), is_it)) garbage_.push_back(after);
  }
}

absl::StatusOr<std::optional<uint64_t>> SortedRuns::Find(const Name& name) {
  for (auto run = runs_.rbegin(); run != runs_.rend(); ++run) {
    if (!run->filter.MayHold(name)) continue;
    const std::string last = base::EncodeEntry({name, std::numeric_limits<uint64_t>::max()});
    find_.BindInt(1, run->id).BindBytes(2, last);
    const absl::StatusOr<bool> row = find_.Step();
    std::optional<uint64_t> value;
    if (row.ok() && *row) {
      const absl::string_view entries = find_.Bytes(0);
      const size_t place = base::LowerBound(entries, {name, 0});
      if (place < base::ChunkSize(entries)) {
        const ChunkEntry entry = base::EntryAt(entries, place);
        if (entry.name == name) value = entry.value;
      }
    }
    find_.Reset();
    POSTERN_RETURN_IF_ERROR(row.status());
    if (value.has_value()) return value;
  }
  return std::nullopt;
}

void SortedRuns::Start(absl::Span<const ChunkEntry> entries) {
  job_ = Job{next_run_++, RunFilter(entries.size())};
  job_->entries = entries;
}

// How many of the newest runs are to become one; 0 for none.
size_t SortedRuns::RunsToMerge() const {
  if (runs_.size() < kRunsOfMerge) return 0;
  const size_t tier = TierOf(runs_.back().names);
  if (tier + 1 == kTierFloors.size()) return 0;
  const auto same_tier = [tier](const Run& run) { return TierOf(run.names) == tier; };
  return std::all_of(runs_.end() - kRunsOfMerge, runs_.end(), same_tier) ? kRunsOfMerge : 0;
}

absl::StatusOr<bool> SortedRuns::Step() {
  if (!job_.has_value() && !garbage_.empty()) {
    POSTERN_RETURN_IF_ERROR(DeleteChunks());
    return false;
  }
  const size_t merging = job_.has_value() ? 0 : RunsToMerge();
  if (merging > 0) POSTERN_RETURN_IF_ERROR(StartMerge(merging));
  if (!job_.has_value()) return false;
  POSTERN_RETURN_IF_ERROR(WriteChunks());
  return job_->complete && job_->inputs.empty();
}

absl::Status SortedRuns::StartMerge(size_t runs) {
  size_t names = 0;
  for (size_t i = runs_.size() - runs; i < runs_.size(); ++i) names += runs_[i].names;
  job_ = Job{next_run_++, RunFilter(names)};
  for (size_t i = runs_.size() - runs; i < runs_.size(); ++i) {
    Cursor& cursor = job_->inputs.emplace_back();
    cursor.run = runs_[i].id;
    POSTERN_RETURN_IF_ERROR(LoadChunk(cursor, ""));
  }
  return absl::OkStatus();
}

absl::Status SortedRuns::WriteChunks() {
  for (size_t i = 0; i < kStep; ++i) {
    std::vector<ChunkEntry> merged;
    absl::Span<const ChunkEntry> entries = job_->entries.subspan(0, base::kChunkEntries);
    if (!job_->inputs.empty()) {
      POSTERN_ASSIGN_OR_RETURN(merged, TakeMerged(base::kChunkEntries));
      entries = merged;
    }
    if (entries.empty()) return Publish();
    const base::Chunk chunk = base::EncodeChunk(entries);
    POSTERN_RETURN_IF_ERROR(insert_.BindInt(1, job_->run).BindBytes(2, chunk.first).BindBytes(3, chunk.entries).Run());
    for (const ChunkEntry& entry : entries) job_->filter.Add(entry.name);
    job_->names += entries.size();
    if (job_->inputs.empty()) job_->entries.remove_prefix(entries.size());
  }
  return absl::OkStatus();
}

absl::Status SortedRuns::Publish() {
  for (const Cursor& input : job_->inputs) POSTERN_RETURN_IF_ERROR(delete_run_.BindInt(1, input.run).Run());
  job_->complete = true;
  return insert_run_.BindInt(1, job_->run)
      .BindInt(2, static_cast<int64_t>(job_->names))
      .BindBytes(3, job_->filter.Bytes())
      .Run();
}

absl::Status SortedRuns::DeleteChunks() {
  delete_chunks_.BindInt(1, garbage_.back()).BindInt(2, static_cast<int64_t>(kStep));
  size_t deleted = 0;
  absl::StatusOr<bool> row = false;
  for (row = delete_chunks_.Step(); row.ok() && *row; row = delete_chunks_.Step()) ++deleted;
  delete_chunks_.Reset();
  last_of_garbage_ = deleted < kStep;
  return row.status();
}

// The next entries of all inputs in order; of a name that is in several runs, the newest.
absl::StatusOr<std::vector<ChunkEntry>> SortedRuns::TakeMerged(size_t count) {
  std::vector<ChunkEntry> merged;
  while (merged.size() < count) {
    const ChunkEntry* least = nullptr;
    for (const Cursor& input : job_->inputs) {
      if (input.place == input.chunk.size()) continue;
      const ChunkEntry& entry = input.chunk[input.place];
      if (least == nullptr || CompareNames(entry, *least) <= 0) least = &entry;
    }
    if (least == nullptr) break;
    merged.push_back(*least);
    for (Cursor& input : job_->inputs) {
      if (input.place < input.chunk.size() && CompareNames(input.chunk[input.place], merged.back()) == 0) {
        POSTERN_RETURN_IF_ERROR(Advance(input));
      }
    }
  }
  return merged;
}

absl::Status SortedRuns::Advance(Cursor& cursor) {
  if (++cursor.place < cursor.chunk.size()) return absl::OkStatus();
  return LoadChunk(cursor, base::EncodeEntry(cursor.chunk.back()));
}

absl::Status SortedRuns::LoadChunk(Cursor& cursor, absl::string_view after) {
  next_.BindInt(1, cursor.run).BindBytes(2, after);
  const absl::StatusOr<bool> row = next_.Step();
  cursor.place = 0;
  cursor.chunk.clear();
  if (row.ok() && *row) cursor.chunk = base::DecodeChunk(next_.Bytes(0));
  const bool damaged = row.ok() && *row && cursor.chunk.empty();
  next_.Reset();
  POSTERN_RETURN_IF_ERROR(row.status());
  return damaged ? errors::StoredBytesMalformed("a chunk of names") : absl::OkStatus();
}

void SortedRuns::Committed() {
  if (std::exchange(last_of_garbage_, false)) garbage_.pop_back();
  if (!job_.has_value() || !job_->complete) return;
  for (const Cursor& input : job_->inputs) garbage_.push_back(input.run);
  runs_.erase(runs_.end() - static_cast<std::ptrdiff_t>(job_->inputs.size()), runs_.end());
  runs_.push_back({job_->run, job_->names, std::move(job_->filter)});
  job_.reset();
}

void SortedRuns::RolledBack() {
  last_of_garbage_ = false;
  if (!job_.has_value()) return;
  garbage_.push_back(job_->run);
  job_.reset();
}

}  // namespace postern::crypto
