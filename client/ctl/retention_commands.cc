// retention plan, run, report: terms that end.
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/ctl/commands.h"
#include "client/ctl/output.h"

namespace postern::client::ctl {
namespace {

std::string TextOf(const v1::RetentionRound& round) {
  return absl::StrCat(round.order_count(), " orders looked at, ", round.closed_count(), " closed for good, ",
                      round.withdrawn_count(), " waiting records withdrawn, ", round.handle_count(),
                      " records noticed to partners, ", round.held_count(), " kept by a legal hold, ",
                      round.failed_count(), " put off\n");
}

int Plan(Session& session, int days) {
  const auto gateway = session.Retention();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::PlanRetentionRequest request;
  request.set_days(days);
  v1::RetentionPlan plan;
  const grpc::Status status = (*gateway)->PlanRetention(session.Call().get(), request, &plan);
  if (!status.ok()) return session.FailRpc(status);
  Table table({"ENDS ON", "ORDERS"});
  for (const v1::RetentionPlan::Day& day : plan.days()) table.Add({day.date(), absl::StrCat(day.order_count())});
  session.out().Result(plan, absl::StrCat(table.ToString(), plan.later_count(), " orders later or not known yet, ",
                                          plan.closed_count(), " closed\n"));
  return kOk;
}

int Run(Session& session) {
  const auto gateway = session.Retention();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::RetentionRound round;
  const grpc::Status status = (*gateway)->RunRetention(session.Call().get(), v1::RunRetentionRequest(), &round);
  if (!status.ok()) return session.FailRpc(status);
  std::string text = TextOf(round);
  for (const std::string& campaign : round.campaigns()) absl::StrAppend(&text, "notices in ", campaign, "\n");
  session.out().Result(round, text);
  return kOk;
}

int Report(Session& session) {
  const auto gateway = session.Retention();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::RetentionReport report;
  const grpc::Status status =
      (*gateway)->GetRetentionReport(session.Call().get(), v1::GetRetentionReportRequest(), &report);
  if (!status.ok()) return session.FailRpc(status);
  std::string text = absl::StrCat("Until now: ", TextOf(report.totals()));
  if (report.has_last_time()) absl::StrAppend(&text, "Last:      ", FormatTime(report.last_time()), "\n");
  absl::StrAppend(&text, "Due:       ", report.due_count(), " orders");
  if (report.has_due_since()) absl::StrAppend(&text, " since ", FormatTime(report.due_since()));
  absl::StrAppend(&text, "\n",
                  report.clock_unsettled() ? "The clock was set a short while ago: nothing is done.\n" : "");
  session.out().Result(report, text);
  return report.due_count() == 0 ? kOk : kDifferences;
}

}  // namespace

void AddRetentionCommands(CLI::App& app, Session& session) {
  CLI::App* retention = app.add_subcommand("retention", "The end of data's terms")->require_subcommand(1);
  const auto days = std::make_shared<int>(30);
  CLI::App* plan = retention->add_subcommand("plan", "Orders by the day on which a term of theirs ends");
  plan->add_option("--days", *days, "How far to look");
  session.OnRun(plan, [&session, days] { return Plan(session, *days); });
  session.OnRun(retention->add_subcommand("run", "Act on every term that is over"),
                [&session] { return Run(session); });
  session.OnRun(retention->add_subcommand("report", "What was done, and what is due"),
                [&session] { return Report(session); });
}

}  // namespace postern::client::ctl
