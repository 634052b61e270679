// Retention: terms that end are acted on, planned and reported.
#pragma once

#include <atomic>
#include <functional>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "proto/postern/v1/retention_service.pb.h"
#include "server/crypto/uuid7.h"
#include "server/retention/clock_guard.h"
#include "server/revocation/background_loop.h"
#include "server/rights/plane.h"

namespace postern::retention {

struct ExecutorOptions {
  // Orders of one transaction. Whoever changes what is on record about a person waits that long.
  int page_orders = 100;
  absl::Duration interval = absl::Minutes(1);
};

// Thread-safe; methods block on the store. Errors of all methods besides those named: LEDGER_UNAVAILABLE.
class Executor {
 public:
  Executor(rights::RightsPlane* plane, ClockGuard* clock, ExecutorOptions options = {});

  // A round in the background every interval.
  void Start() { loop_.Start(); }
  void Stop() { loop_.Stop(); }

  // Acts on everything that is due. Rounds that meet come one after the other, and the later one finds nothing left.
  // CLOCK_UNSETTLED; POLICY_ABSENT.
  absl::StatusOr<v1::RetentionRound> Run(absl::string_view principal);
  // INVALID_ARGUMENT.
  absl::StatusOr<v1::RetentionPlan> Plan(const v1::PlanRetentionRequest& request);
  absl::StatusOr<v1::RetentionReport> Report();

  // Background rounds that failed in part and are tried again; for metrics.
  int64_t failed_rounds() const { return failed_rounds_; }

 private:
  absl::StatusOr<v1::RetentionReport> ReadTotals();
  // One page; false if nothing was due.
  absl::StatusOr<bool> RunPage(absl::string_view principal, absl::Time now, v1::RetentionRound* sum);

  rights::RightsPlane& plane_;
  ClockGuard& clock_;
  const ExecutorOptions options_;
  crypto::Uuid7Generator ids_;
  absl::Mutex running_;  // one round at a time
  std::atomic<int64_t> failed_rounds_{0};
  revocation::BackgroundLoop loop_;  // last: its thread uses what is above
};

}  // namespace postern::retention
