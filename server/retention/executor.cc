#include "server/retention/executor.h"

#include <optional>
#include <utility>
#include <vector>

#include "proto/errors/error.h"
#include "server/base/failpoint.h"
#include "server/registry/audit_entry.h"
#include "server/registry/errors.h"
#include "server/registry/times.h"
#include "server/retention/errors.h"
#include "server/retention/retention_round.h"

namespace postern::retention {
namespace {

constexpr int kDefaultDays = 30;
constexpr int kMaxDays = 3660;

void Add(const v1::RetentionRound& page, v1::RetentionRound* sum) {
  sum->set_order_count(sum->order_count() + page.order_count());
  sum->set_closed_count(sum->closed_count() + page.closed_count());
  sum->set_withdrawn_count(sum->withdrawn_count() + page.withdrawn_count());
  sum->set_handle_count(sum->handle_count() + page.handle_count());
  sum->set_held_count(sum->held_count() + page.held_count());
  sum->set_failed_count(sum->failed_count() + page.failed_count());
  sum->mutable_campaigns()->MergeFrom(page.campaigns());
}

}  // namespace

Executor::Executor(rights::RightsPlane* plane, ClockGuard* clock, ExecutorOptions options)
    : plane_(*plane), clock_(*clock), options_(options), loop_(options.interval, [this] {
        const absl::StatusOr<v1::RetentionRound> round = Run(registry::kGatewayPrincipal);
        // A clock that has not settled and a gateway without a policy are no failures: there is nothing to do yet.
        if (!round.ok() && !absl::IsFailedPrecondition(round.status())) ++failed_rounds_;
      }) {}

absl::StatusOr<v1::RetentionRound> Executor::Run(absl::string_view principal) {
  absl::MutexLock lock(&running_);
  const std::optional<absl::Time> now = clock_.Now();
  if (!now) return errors::ClockUnsettled();
  if (plane_.snapshots->Get()->bundle == nullptr) return registry::errors::PolicyAbsent();
  v1::RetentionRound sum;
  if (base::FailpointSkips("retention.skip")) return sum;
  for (;;) {
    POSTERN_ASSIGN_OR_RETURN(const bool more, RunPage(principal, *now, &sum));
    if (!more || loop_.stopping()) return sum;
  }
}

absl::StatusOr<bool> Executor::RunPage(absl::string_view principal, absl::Time now, v1::RetentionRound* sum) {
  absl::MutexLock lock(&plane_.mutex);
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::RetentionOrderRow> due,
                           plane_.store->ListDueOrders(now, options_.page_orders));
  if (due.empty()) return false;
  POSTERN_ASSIGN_OR_RETURN(v1::RetentionReport totals, ReadTotals());
  RetentionRound round(&plane_, &ids_, now);
  for (const storage::RetentionOrderRow& row : due) POSTERN_RETURN_IF_ERROR(round.Look(row));
  POSTERN_RETURN_IF_ERROR(round.Finish(principal, std::move(totals)));
  Add(round.counts(), sum);
  return true;
}

absl::StatusOr<v1::RetentionReport> Executor::ReadTotals() {
  POSTERN_ASSIGN_OR_RETURN(const std::string stored, plane_.store->ReadRetentionTotals());
  v1::RetentionReport totals;
  if (!totals.ParseFromString(stored)) return registry::errors::StoreInconsistent("retention totals do not parse");
  return totals;
}

absl::StatusOr<v1::RetentionPlan> Executor::Plan(const v1::PlanRetentionRequest& request) {
  if (request.days() < 0 || request.days() > kMaxDays) {
    return registry::errors::InvalidField("days", "must be 1 to 3660");
  }
  const int days = request.days() == 0 ? kDefaultDays : request.days();
  POSTERN_ASSIGN_OR_RETURN(const storage::RetentionReads::RetentionCounts counts,
                           plane_.store->CountOrders(plane_.clock() + absl::Hours(24) * days));
  v1::RetentionPlan plan;
  for (const auto& day : counts.ends) {
    v1::RetentionPlan::Day& out = *plan.add_days();
    out.set_date(absl::FormatCivilTime(day.day));
    out.set_order_count(day.orders);
  }
  plan.set_later_count(counts.later);
  plan.set_closed_count(counts.closed);
  return plan;
}

absl::StatusOr<v1::RetentionReport> Executor::Report() {
  POSTERN_ASSIGN_OR_RETURN(v1::RetentionReport report, ReadTotals());
  POSTERN_ASSIGN_OR_RETURN(const storage::RetentionReads::RetentionCounts counts,
                           plane_.store->CountOrders(plane_.clock()));
  for (const auto& day : counts.ends) report.set_due_count(report.due_count() + day.orders);
  if (!counts.ends.empty()) {
    registry::SetTime(absl::FromCivil(counts.ends.front().day, absl::UTCTimeZone()), report.mutable_due_since());
  }
  report.set_clock_unsettled(!clock_.Now().has_value());
  return report;
}

}  // namespace postern::retention
