#include "server/storage/sqlite/maintenance.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/time/clock.h"
#include "proto/errors/error.h"
#include "server/storage/sqlite/packing.h"

namespace postern::storage {
namespace {

constexpr absl::Duration kRound = absl::Milliseconds(500);
constexpr absl::Duration kExpiryRound = absl::Minutes(5);
// A request id is good for 24 hours of its own time; an hour more for the clocks.
constexpr absl::Duration kRequestLifetime = absl::Hours(25);
// Rows that one transaction deletes: a commit that comes meanwhile waits for it, some milliseconds.
constexpr int kSlice = 500;
// Between two steps of a long work, for the commits.
constexpr absl::Duration kSlicePause = absl::Milliseconds(2);

// The smallest request id (UUIDv7) of a time.
// For intervals: a wall clock that is set back would put everything off.
absl::Time SteadyNow() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return absl::TimeFromTimespec(now);
}

std::string RequestIdBound(absl::Time time) {
  std::string bound(16, '\0');
  const int64_t millis = absl::ToUnixMillis(time);
  for (int i = 0; i < 6; ++i) bound[static_cast<size_t>(i)] = static_cast<char>(millis >> (8 * (5 - i)));
  return bound;
}

// Runs `write_slice` in transactions of its own until it has nothing left. It returns the number of rows it deleted.
absl::Status InSlices(LedgerWriter& writer, absl::FunctionRef<absl::StatusOr<int64_t>(WriteScope&)> write_slice) {
  int64_t deleted = 0;
  do {
    const absl::Status status = writer.Write([&](WriteScope& scope) -> absl::Status {
      POSTERN_ASSIGN_OR_RETURN(deleted, write_slice(scope));
      return absl::OkStatus();
    });
    POSTERN_RETURN_IF_ERROR(status);
  } while (deleted > 0);
  return absl::OkStatus();
}

struct Backlog {
  PartnerId partner = 0;
  int64_t upto = 0;
};

}  // namespace

Maintenance::Maintenance(LedgerWriter& writer, ReaderPool& readers, SubjectIndex& index,
                         const SqliteStoreOptions& options)
    : writer_(writer), readers_(readers), index_(index), options_(options), thread_([this] { Run(); }) {}

Maintenance::~Maintenance() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  thread_.join();
}

void Maintenance::Notice() {
  if (writer_.log_pages() < options_.checkpoint_pages && !writer_.versions_wait() &&
      UnindexedTail() < options_.index_batch)
    return;
  absl::MutexLock lock(&mutex_);
  noticed_ = true;
}

void Maintenance::RequestSweep() {
  absl::MutexLock lock(&mutex_);
  sweep_ = true;
}

void Maintenance::RequestScrub() {
  absl::MutexLock lock(&mutex_);
  scrub_ = true;
}

void Maintenance::Run() {
  while (true) {
    const Work work = WaitForWork();
    {
      absl::MutexLock lock(&mutex_);
      if (stop_) return;
    }
    Do(work);
  }
}

Maintenance::Work Maintenance::WaitForWork() {
  Work work;
  {
    absl::MutexLock lock(&mutex_);
    const auto wanted = [this]()
                            ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stop_ || noticed_ || scrub_ || sweep_; };
    mutex_.AwaitWithTimeout(absl::Condition(&wanted), kRound);
    noticed_ = false;
    work.scrub = std::exchange(scrub_, false);
    work.sweep = std::exchange(sweep_, false);
  }
  // Writes wake this thread, and each look at a long log costs the next commit time: once a round is enough for what
  // could not be done.
  const absl::Time now = SteadyNow();
  const int64_t seq = writer_.last_seq();
  if (std::exchange(seen_seq_, seq) != seq) quiet_since_ = now;
  const int64_t tail = UnindexedTail();
  work.index = tail >= options_.index_batch || (tail > 0 && now - quiet_since_ >= options_.index_idle);
  const bool due = now >= next_checkpoint_;
  work.checkpoint = due && writer_.log_pages() >= options_.checkpoint_pages;
  work.scrub = work.scrub || (due && scrub_left_);
  work.sweep = work.sweep || (due && sweep_left_);
  work.versions = writer_.versions_wait();
  work.expire = now >= next_expiry_;
  if (work.expire) next_expiry_ = now + kExpiryRound;
  return work;
}

void Maintenance::Do(const Work& work) {
  bool done = true;
  if (work.checkpoint) done = writer_.Checkpoint(/*truncate=*/false).value_or(false);
  if (work.versions) WriteVersions().IgnoreError();
  if (work.index) index_.Extend(readers_, options_.index_batch).IgnoreError();
  if (work.expire) ExpireRequests().IgnoreError();
  bool scrub = work.scrub;
  if (work.sweep) {
    const absl::StatusOr<bool> swept = SweepEndedBacklogs();
    sweep_left_ = !swept.ok();
    scrub = scrub || swept.value_or(false);
  }
  if (scrub) scrub_left_ = !writer_.Checkpoint(/*truncate=*/true).value_or(false);
  if (!done || sweep_left_ || scrub_left_) next_checkpoint_ = SteadyNow() + kRound;
}

// Whether there was anything to sweep.
absl::StatusOr<bool> Maintenance::SweepEndedBacklogs() {
  std::vector<Backlog> backlogs;
  POSTERN_RETURN_IF_ERROR(readers_.Read([&](Connection& db) {
    Query query(db, "SELECT partner, upto FROM backlog_end WHERE swept = 0");
    while (query.Next()) backlogs.push_back({query.Int(0), query.Int(1)});
    return query.status();
  }));
  for (const Backlog& backlog : backlogs) {
    const int64_t first = QueueKey(backlog.partner, 0);
    const int64_t last = QueueKey(backlog.partner, backlog.upto);
    const auto sweep_slice = [&](WriteScope& scope) -> absl::StatusOr<int64_t> {
      POSTERN_RETURN_IF_ERROR(Query(scope.db(),
                                    "DELETE FROM pending WHERE queue_key IN "
                                    "(SELECT queue_key FROM pending WHERE queue_key >= ? AND queue_key <= ? LIMIT ?)")
                                  .Bind(first)
                                  .Bind(last)
                                  .Bind(kSlice)
                                  .Run());
      return scope.db().changes();
    };
    POSTERN_RETURN_IF_ERROR(InSlices(writer_, sweep_slice));
    const absl::Status swept = writer_.Write([&](WriteScope& scope) -> absl::Status {
      POSTERN_RETURN_IF_ERROR(Query(scope.db(), "DELETE FROM dead_letter WHERE queue_key >= ? AND queue_key <= ?")
                                  .Bind(first)
                                  .Bind(last)
                                  .Run());
      return Query(scope.db(), "UPDATE backlog_end SET swept = 1 WHERE partner = ? AND upto = ?")
          .Bind(backlog.partner)
          .Bind(backlog.upto)
          .Run();
    });
    POSTERN_RETURN_IF_ERROR(swept);
  }
  return !backlogs.empty();
}

absl::Status Maintenance::ExpireRequests() {
  const std::string bound = RequestIdBound(options_.clock() - kRequestLifetime);
  return InSlices(writer_, [&](WriteScope& scope) -> absl::StatusOr<int64_t> {
    POSTERN_RETURN_IF_ERROR(
        Query(scope.db(),
              "DELETE FROM request WHERE request_id < ?1 AND request_id <= coalesce("
              "(SELECT request_id FROM request WHERE request_id < ?1 ORDER BY request_id LIMIT 1 OFFSET ?2), ?1)")
            .Bind(bound)
            .Bind(kSlice)
            .Run());
    return scope.db().changes();
  });
}

absl::Status Maintenance::WriteVersions() {
  while (writer_.versions_wait()) {
    POSTERN_RETURN_IF_ERROR(writer_.Write([](WriteScope& scope) { return scope.versions().WriteSome(scope.db()); }));
    absl::SleepFor(kSlicePause);
  }
  return absl::OkStatus();
}

int64_t Maintenance::UnindexedTail() const {
  return writer_.last_seq() - index_.indexed_through();
}

}  // namespace postern::storage
