#include "server/storage/sqlite/subject_index.h"

#include <algorithm>
#include <array>
#include <limits>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/storage/errors.h"
#include "server/storage/sql/disclosure_rows.h"
#include "server/storage/sql/packing.h"
#include "server/storage/sqlite/subject_scan.h"

namespace postern::storage {
namespace {

constexpr char kFile[] = "index.db";
constexpr int kCacheKib = 4 * 1024;
// Of what is indexed, and how: 2 since orders are too.
constexpr int64_t kFormat = 2;

// Nothing here is precious: after a loss of power the newest runs may be gone, and are written again. And nothing is
// ever deleted but what a merge has copied, so that wiping it would hide nothing and cost a write of every page.
constexpr char kSetup[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA secure_delete = OFF;"
    "CREATE TABLE IF NOT EXISTS indexed(one INTEGER PRIMARY KEY, instance BLOB, through INTEGER, last_id BLOB);"
    "CREATE TABLE IF NOT EXISTS run(id INTEGER PRIMARY KEY, entries INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS chunk(run INTEGER, first BLOB, entries BLOB NOT NULL, PRIMARY KEY(run, first)) WITHOUT "
    "ROWID;";

// A tier holds the runs of at least that many entries. Runs of the last tier are not merged: a lookup among 5 million
// disclosures asks some ten of them, and a merge stays under a second.
constexpr std::array<int64_t, 3> kTierFloors = {0, 16 * 1024, 128 * 1024};
constexpr size_t kRunsToMerge = 8;

absl::Status InTransaction(Connection& db, absl::FunctionRef<absl::Status()> body) {
  absl::Status status = db.Execute("BEGIN IMMEDIATE", "begin indexing");
  if (status.ok()) status = body();
  if (status.ok()) status = db.Execute("COMMIT", "commit the index");
  // The caller starts anew after a failure, so a rollback that fails too changes nothing.
  if (!status.ok()) db.Execute("ROLLBACK", "roll back the index").IgnoreError();
  return status;
}

absl::StatusOr<std::vector<int64_t>> ReadRuns(Connection& db, int64_t from_entries, int64_t below_entries) {
  std::vector<int64_t> runs;
  Query query(db, "SELECT id FROM run WHERE entries >= ? AND entries < ? ORDER BY id");
  query.Bind(from_entries).Bind(below_entries);
  while (query.Next()) runs.push_back(query.Int(0));
  POSTERN_RETURN_IF_ERROR(query.status());
  return runs;
}

// Above every run there is, so that its chunks go to the end of the B-tree.
absl::Status AddRun(SqliteConnection& db, absl::Span<const base::ChunkEntry> entries) {
  POSTERN_RETURN_IF_ERROR(Query(db, "INSERT INTO run(id, entries) SELECT coalesce(max(id), 0) + 1, ? FROM run")
                              .Bind(static_cast<int64_t>(entries.size()))
                              .Run());
  const int64_t run = sqlite3_last_insert_rowid(db.handle());
  for (size_t i = 0; i < entries.size(); i += base::kChunkEntries) {
    const base::Chunk chunk = base::EncodeChunk(entries.subspan(i, base::kChunkEntries));
    POSTERN_RETURN_IF_ERROR(Query(db, "INSERT INTO chunk(run, first, entries) VALUES(?, ?, ?)")
                                .Bind(run)
                                .Bind(chunk.first)
                                .Bind(chunk.entries)
                                .Run());
  }
  return absl::OkStatus();
}

absl::Status MergeRuns(SqliteConnection& db, const std::vector<int64_t>& runs) {
  std::vector<base::ChunkEntry> entries;
  for (const int64_t run : runs) {
    Query query(db, "SELECT entries FROM chunk WHERE run = ? ORDER BY first");
    query.Bind(run);
    while (query.Next()) {
      const std::vector<base::ChunkEntry> chunk = base::DecodeChunk(query.Bytes(0));
      if (chunk.empty()) return errors::Inconsistent("a chunk of the index is malformed");
      entries.insert(entries.end(), chunk.begin(), chunk.end());
    }
    POSTERN_RETURN_IF_ERROR(query.status());
  }
  std::sort(entries.begin(), entries.end());
  POSTERN_RETURN_IF_ERROR(AddRun(db, entries));
  for (const int64_t run : runs) {
    POSTERN_RETURN_IF_ERROR(Query(db, "DELETE FROM chunk WHERE run = ?").Bind(run).Run());
    POSTERN_RETURN_IF_ERROR(Query(db, "DELETE FROM run WHERE id = ?").Bind(run).Run());
  }
  return absl::OkStatus();
}

// Appends at most `limit` positions above `after` that a run has of a subject.
absl::Status FindInRun(Connection& db, int64_t run, const Mac16& subject, int64_t after, size_t limit,
                       std::vector<int64_t>* seqs) {
  const base::ChunkEntry first{subject, static_cast<uint64_t>(after) + 1};
  const std::string key = base::EncodeEntry(first);
  Query query(db,
              "SELECT entries FROM chunk WHERE run = ?1 AND first >= coalesce((SELECT max(first) FROM chunk WHERE "
              "run = ?1 AND first <= ?2), ?2) ORDER BY first");
  query.Bind(run).Bind(key);
  for (size_t found = 0; query.Next();) {
    const absl::string_view chunk = query.Bytes(0);
    for (size_t i = base::LowerBound(chunk, first); i < base::ChunkSize(chunk); ++i) {
      const base::ChunkEntry entry = base::EntryAt(chunk, i);
      if (entry.name != subject || found++ == limit) return absl::OkStatus();
      seqs->push_back(static_cast<int64_t>(entry.value));
    }
  }
  return query.status();
}

}  // namespace

absl::StatusOr<std::unique_ptr<SubjectIndex>> SubjectIndex::Open(const DataDirectory& directory,
                                                                 const crypto::Uuid& instance, ReaderPool& ledger,
                                                                 const std::string& vfs) {
  auto index = std::unique_ptr<SubjectIndex>(new SubjectIndex(directory, instance, vfs));
  absl::MutexLock write_lock(&index->write_mutex_);
  absl::MutexLock read_lock(&index->read_mutex_);
  absl::StatusOr<bool> belongs = false;
  if (index->OpenFile().ok()) belongs = index->BelongsTo(ledger);
  if (!belongs.ok() || !*belongs) POSTERN_RETURN_IF_ERROR(index->StartAnew());
  return index;
}

absl::Status SubjectIndex::OpenFile() {
  POSTERN_ASSIGN_OR_RETURN(const std::string path, directory_.File(kFile, true));
  POSTERN_ASSIGN_OR_RETURN(writer_, SqliteConnection::Open(path, SqliteConnection::Mode::kReadWrite, vfs_, kCacheKib));
  POSTERN_RETURN_IF_ERROR(writer_->Execute(kSetup, "set up the index"));
  POSTERN_ASSIGN_OR_RETURN(reader_, SqliteConnection::Open(path, SqliteConnection::Mode::kReadOnly, vfs_, kCacheKib));
  return absl::OkStatus();
}

absl::Status SubjectIndex::StartAnew() {
  reader_.reset();
  writer_.reset();
  indexed_through_.store(0, std::memory_order_release);
  for (const char* name : {"index.db", "index.db-wal", "index.db-shm"})
    POSTERN_RETURN_IF_ERROR(directory_.Remove(name));
  POSTERN_RETURN_IF_ERROR(OpenFile());
  POSTERN_RETURN_IF_ERROR(writer_->Execute(absl::StrCat("PRAGMA user_version = ", kFormat).c_str(), "set the format"));
  return Query(*writer_, "INSERT INTO indexed(one, instance, through, last_id) VALUES(1, ?, 0, zeroblob(16))")
      .Bind(View(instance_))
      .Run();
}

// A ledger that was restored from a backup may have other disclosures at the positions that are indexed.
absl::StatusOr<bool> SubjectIndex::BelongsTo(ReaderPool& ledger) {
  int64_t through = 0;
  std::string last_id;
  {
    Query format(*writer_, "PRAGMA user_version");
    if (!format.Next() || format.Int(0) != kFormat) return false;
  }
  {
    Query query(*writer_, "SELECT through, last_id FROM indexed WHERE instance = ?");
    query.Bind(View(instance_));
    if (!query.Next()) return false;
    through = query.Int(0);
    last_id = query.String(1);
  }
  bool belongs = through == 0;
  POSTERN_RETURN_IF_ERROR(ledger.Read([&](Connection& db) {
    Query query(db, "SELECT id FROM disclosure WHERE seq = ?");
    query.Bind(through);
    if (query.Next()) belongs = query.Bytes(0) == last_id;
    return query.status();
  }));
  if (belongs) indexed_through_.store(through, std::memory_order_release);
  return belongs;
}

absl::Status SubjectIndex::Extend(ReaderPool& ledger, int64_t batch_size) {
  absl::MutexLock write_lock(&write_mutex_);
  int64_t read = 0;
  do {
    Batch batch;
    read = 0;
    const absl::Status read_status = ledger.Read([&](Connection& db) -> absl::Status {
      Query query(db, "SELECT seq, id, subjects, order_mac FROM disclosure WHERE seq > ? ORDER BY seq LIMIT ?");
      query.Bind(indexed_through()).Bind(batch_size);
      for (; query.Next(); ++read) {
        batch.through = query.Int(0);
        POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(1), &batch.last_id));
        std::vector<Mac16> subjects;
        POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(2), &subjects));
        subjects.emplace_back();
        POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(3), &subjects.back()));
        for (const Mac16& subject : subjects) batch.entries.push_back({subject, static_cast<uint64_t>(batch.through)});
      }
      return query.status();
    });
    POSTERN_RETURN_IF_ERROR(read_status);
    if (read == 0) return absl::OkStatus();
    absl::Status status =
        writer_ == nullptr ? errors::Inconsistent("the index is not open") : WriteRun(std::move(batch));
    if (status.ok()) status = MergeFullTier();
    if (!status.ok()) {
      absl::MutexLock read_lock(&read_mutex_);
      return StartAnew();
    }
  } while (read == batch_size);
  return absl::OkStatus();
}

absl::Status SubjectIndex::WriteRun(Batch batch) {
  std::sort(batch.entries.begin(), batch.entries.end());
  // A disclosure may name a subject twice.
  batch.entries.erase(std::unique(batch.entries.begin(), batch.entries.end()), batch.entries.end());
  const absl::Status status = InTransaction(*writer_, [&]() -> absl::Status {
    POSTERN_RETURN_IF_ERROR(AddRun(*writer_, batch.entries));
    return Query(*writer_, "UPDATE indexed SET through = ?, last_id = ?")
        .Bind(batch.through)
        .Bind(View(batch.last_id))
        .Run();
  });
  POSTERN_RETURN_IF_ERROR(status);
  indexed_through_.store(batch.through, std::memory_order_release);
  return absl::OkStatus();
}

absl::Status SubjectIndex::MergeFullTier() {
  for (size_t tier = 0; tier + 1 < kTierFloors.size(); ++tier) {
    POSTERN_ASSIGN_OR_RETURN(std::vector<int64_t> runs, ReadRuns(*writer_, kTierFloors[tier], kTierFloors[tier + 1]));
    if (runs.size() < kRunsToMerge) continue;
    runs.resize(kRunsToMerge);
    POSTERN_RETURN_IF_ERROR(InTransaction(*writer_, [&] { return MergeRuns(*writer_, runs); }));
  }
  return absl::OkStatus();
}

absl::StatusOr<SubjectIndex::Found> SubjectIndex::Find(const Mac16& subject, int64_t after, int limit) {
  absl::MutexLock lock(&read_mutex_);
  Found found;
  if (reader_ == nullptr) return found;
  POSTERN_RETURN_IF_ERROR(reader_->Execute("BEGIN", "begin reading the index"));
  absl::StatusOr<std::vector<int64_t>> runs = ReadRuns(*reader_, 0, std::numeric_limits<int64_t>::max());
  absl::Status status = runs.status();
  for (size_t i = 0; status.ok() && i < runs->size(); ++i) {
    status = FindInRun(*reader_, (*runs)[i], subject, after, static_cast<size_t>(limit), &found.seqs);
  }
  std::sort(found.seqs.begin(), found.seqs.end());
  if (found.seqs.size() > static_cast<size_t>(limit)) found.seqs.resize(static_cast<size_t>(limit));
  Query state(*reader_, "SELECT through FROM indexed");
  if (state.Next()) found.through = state.Int(0);
  if (status.ok()) status = state.status();
  const absl::Status ended = reader_->Execute("COMMIT", "end reading the index");
  POSTERN_RETURN_IF_ERROR(status);
  POSTERN_RETURN_IF_ERROR(ended);
  return found;
}

absl::StatusOr<std::vector<DisclosureRow>> SubjectIndex::ListBySubject(ReaderPool& ledger, const Mac16& subject,
                                                                       int64_t after, int limit) {
  // The index first: what it has not reached by then, the ledger read afterwards has. Where it cannot be read, the
  // ledger answers alone.
  absl::StatusOr<Found> indexed = Find(subject, after, limit);
  Found found = indexed.ok() ? *std::move(indexed) : Found{};
  std::vector<DisclosureRow> rows;
  POSTERN_RETURN_IF_ERROR(ledger.Read([&](Connection& db) -> absl::Status {
    if (static_cast<int>(found.seqs.size()) < limit) {
      POSTERN_ASSIGN_OR_RETURN(const std::vector<int64_t> tail,
                               tail_.Find(db, subject, found.through, std::max(after, found.through),
                                          limit - static_cast<int>(found.seqs.size())));
      found.seqs.insert(found.seqs.end(), tail.begin(), tail.end());
    }
    DisclosureReader reader(db);
    for (const int64_t seq : found.seqs) {
      POSTERN_ASSIGN_OR_RETURN(DisclosureRow row, reader.BySeq(seq));
      rows.push_back(std::move(row));
    }
    return absl::OkStatus();
  }));
  return rows;
}

}  // namespace postern::storage
