#include "server/storage/sqlite/maintenance.h"

#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/time/clock.h"
#include "proto/errors/error.h"
#include "server/storage/sql/upkeep.h"

namespace postern::storage {
namespace {

constexpr absl::Duration kRound = absl::Milliseconds(500);
constexpr absl::Duration kExpiryRound = absl::Minutes(5);
// Between two steps of a long work, for the commits.
constexpr absl::Duration kSlicePause = absl::Milliseconds(2);

// For intervals: a wall clock that is set back would put everything off.
absl::Time SteadyNow() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return absl::TimeFromTimespec(now);
}

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
  const auto read = [this](absl::FunctionRef<absl::Status(Connection&)> body) { return readers_.Read(body); };
  const auto write = [this](absl::FunctionRef<absl::Status(WriteScope&)> body) {
    return writer_.Write([&](SqliteWriteScope& scope) { return body(scope); });
  };
  bool done = true;
  if (work.checkpoint) done = writer_.Checkpoint(/*truncate=*/false).value_or(false);
  if (work.versions) WriteVersions().IgnoreError();
  if (work.index) index_.Extend(readers_, options_.index_batch).IgnoreError();
  if (work.expire) ExpireRequests(write, options_.clock()).IgnoreError();
  bool scrub = work.scrub;
  if (work.sweep) {
    const absl::StatusOr<bool> swept = SweepEndedBacklogs(read, write);
    sweep_left_ = !swept.ok();
    scrub = scrub || swept.value_or(false);
  }
  if (scrub) scrub_left_ = !writer_.Checkpoint(/*truncate=*/true).value_or(false);
  if (!done || sweep_left_ || scrub_left_) next_checkpoint_ = SteadyNow() + kRound;
}

absl::Status Maintenance::WriteVersions() {
  while (writer_.versions_wait()) {
    POSTERN_RETURN_IF_ERROR(
        writer_.Write([](SqliteWriteScope& scope) { return scope.record_versions().WriteSome(scope.db()); }));
    absl::SleepFor(kSlicePause);
  }
  return absl::OkStatus();
}

int64_t Maintenance::UnindexedTail() const {
  return writer_.last_seq() - index_.indexed_through();
}

}  // namespace postern::storage
