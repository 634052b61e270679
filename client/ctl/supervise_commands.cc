// supervise list, replay: what stood out in partners' usage, and what would have.
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/ctl/commands.h"
#include "client/ctl/output.h"

namespace postern::client::ctl {
namespace {

struct SuperviseOptions {
  std::string partner;
  int64_t max_records_per_day = 0;
  double burst_score = 0;
};

template <typename Response>
int Print(Session& session, const Response& response) {
  Table table({"TIME", "PARTNER", "DETECTOR", "ACTION", "EXPLANATION"});
  for (const v1::SupervisionFinding& finding : response.findings()) {
    table.Add({FormatTime(finding.time()), finding.partner(),
               ShortEnum(v1::SupervisionFinding::Detector_Name(finding.detector()), "DETECTOR_"),
               finding.action() == v1::SupervisionFinding::ACTION_UNSPECIFIED
                   ? "-"
                   : ShortEnum(v1::SupervisionFinding::Action_Name(finding.action()), "ACTION_"),
               finding.explanation()});
  }
  session.out().Result(response, table.ToString());
  return kOk;
}

int List(Session& session, const SuperviseOptions& options) {
  const auto gateway = session.Supervision();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::ListSupervisionFindingsRequest request;
  if (!options.partner.empty()) {
    request.set_parent(absl::StartsWith(options.partner, "partners/") ? options.partner
                                                                      : absl::StrCat("partners/", options.partner));
  }
  v1::ListSupervisionFindingsResponse response;
  const grpc::Status status = (*gateway)->ListSupervisionFindings(session.Call().get(), request, &response);
  return status.ok() ? Print(session, response) : session.FailRpc(status);
}

int Replay(Session& session, const SuperviseOptions& options) {
  const auto gateway = session.Supervision();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::ReplaySupervisionRequest request;
  request.set_max_records_per_day(options.max_records_per_day);
  request.set_burst_score(options.burst_score);
  v1::ReplaySupervisionResponse response;
  const grpc::Status status = (*gateway)->ReplaySupervision(session.Call().get(), request, &response);
  return status.ok() ? Print(session, response) : session.FailRpc(status);
}

}  // namespace

void AddSuperviseCommands(CLI::App& app, Session& session) {
  const auto options = std::make_shared<SuperviseOptions>();
  CLI::App* supervise = app.add_subcommand("supervise", "How partners use what they are given")->require_subcommand(1);
  CLI::App* list = supervise->add_subcommand("list", "What stood out since the gateway started");
  list->add_option("partner", options->partner, "partners/P or P; all without it");
  session.OnRun(list, [&session, options] { return List(session, *options); });
  CLI::App* replay = supervise->add_subcommand("replay", "What would have stood out under other limits");
  replay->add_option("--max-records-per-day", options->max_records_per_day, "Of a contract; its own without it");
  replay->add_option("--burst-score", options->burst_score, "Robust deviations; 6 without it");
  session.OnRun(replay, [&session, options] { return Replay(session, *options); });
}

}  // namespace postern::client::ctl
