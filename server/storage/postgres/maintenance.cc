#include "server/storage/postgres/maintenance.h"

#include <memory>
#include <utility>

#include "proto/errors/error.h"
#include "server/storage/sql/upkeep.h"

namespace postern::storage {
namespace {

constexpr absl::Duration kRound = absl::Milliseconds(500);
constexpr absl::Duration kExpiryRound = absl::Minutes(5);

// Where something is deleted or replaced that is to be gone: payloads, results, what is on record about people, salts.
constexpr const char* kVacuum[] = {
    "VACUUM pending",        "VACUUM dead_letter",       "VACUUM outcome",
    "VACUUM subject_record", "VACUUM statistics_period", "VACUUM statistics_uncounted",
};

}  // namespace

PostgresMaintenance::PostgresMaintenance(PostgresWriter& writer, SessionPool& readers, SessionOptions session,
                                         std::function<absl::Time()> clock)
    : writer_(writer), readers_(readers), session_(std::move(session)), clock_(std::move(clock)), thread_([this] {
        Run();
      }) {}

PostgresMaintenance::~PostgresMaintenance() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  thread_.join();
}

void PostgresMaintenance::RequestSweep() {
  absl::MutexLock lock(&mutex_);
  sweep_ = true;
}

void PostgresMaintenance::RequestScrub() {
  absl::MutexLock lock(&mutex_);
  scrub_ = true;
}

void PostgresMaintenance::Run() {
  while (true) {
    bool sweep = false;
    bool scrub = false;
    {
      absl::MutexLock lock(&mutex_);
      const auto wanted = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stop_ || scrub_ || sweep_; };
      if (!mutex_.AwaitWithTimeout(absl::Condition(&wanted), kRound)) since_expiry_ += kRound;
      if (stop_) return;
      sweep = std::exchange(sweep_, false);
      scrub = std::exchange(scrub_, false);
    }
    Round(sweep || sweep_left_, scrub || scrub_left_);
  }
}

void PostgresMaintenance::Round(bool sweep, bool scrub) {
  const auto read = [this](absl::FunctionRef<absl::Status(Connection&)> body) {
    return readers_.Read([&](PostgresConnection& db) { return body(db); });
  };
  const auto write = [this](absl::FunctionRef<absl::Status(WriteScope&)> body) {
    return writer_.Write([&](PostgresConnection&, WriteScope& scope) { return body(scope); });
  };
  writer_.Recover();
  if (sweep) {
    const absl::StatusOr<bool> swept = SweepEndedBacklogs(read, write);
    sweep_left_ = !swept.ok();
    scrub = scrub || swept.value_or(false);
  }
  if (since_expiry_ >= kExpiryRound && ExpireRequests(write, clock_()).ok()) since_expiry_ = absl::ZeroDuration();
  if (scrub) scrub_left_ = !Vacuum().ok();
}

absl::Status PostgresMaintenance::Vacuum() {
  SessionOptions session = session_;
  session.statement_timeout = absl::Hours(1);
  POSTERN_ASSIGN_OR_RETURN(const std::unique_ptr<PostgresConnection> db, PostgresConnection::Open(session));
  for (const char* table : kVacuum) POSTERN_RETURN_IF_ERROR(db->Execute(table, "vacuum"));
  return absl::OkStatus();
}

}  // namespace postern::storage
