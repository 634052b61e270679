// supervise list, replay, canary, trace: what stood out in partners' usage, what would have, and who gave data away.
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/ctl/commands.h"
#include "client/ctl/output.h"
#include "client/ctl/resources.h"
#include "client/ctl/subject_text.h"

namespace postern::client::ctl {
namespace {

struct SuperviseOptions {
  std::string partner;
  std::string person;
  std::string pseudonym;
  std::string sighting;
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

std::string PartnerOf(const std::string& partner) {
  return absl::StartsWith(partner, "partners/") ? partner : absl::StrCat("partners/", partner);
}

int List(Session& session, const SuperviseOptions& options) {
  const auto gateway = session.Supervision();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::ListSupervisionFindingsRequest request;
  if (!options.partner.empty()) request.set_parent(PartnerOf(options.partner));
  v1::ListSupervisionFindingsResponse all;
  const grpc::Status status = ListAll(
      session, **gateway, &v1::SupervisionService::StubInterface::ListSupervisionFindings, std::move(request), &all);
  if (!status.ok()) return session.FailRpc(status);
  return Print(session, all);
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

int Canary(Session& session, const SuperviseOptions& options) {
  const auto gateway = session.Supervision();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::PlantCanaryRequest request;
  request.set_partner(PartnerOf(options.partner));
  *request.mutable_person() = PersonOf(options.person);
  v1::Canary canary;
  const grpc::Status status = (*gateway)->PlantCanary(session.Call().get(), request, &canary);
  if (!status.ok()) return session.FailRpc(status);
  session.out().Result(canary, absl::StrCat(canary.subject(), " is for ", canary.partner(), " alone\n"));
  return kOk;
}

int Trace(Session& session, const SuperviseOptions& options) {
  const auto gateway = session.Supervision();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::TraceLeakRequest request;
  *request.mutable_person() = PersonOf(options.person);
  request.set_pseudonym(options.pseudonym);
  request.set_sighting_reference(options.sighting);
  v1::TraceLeakResponse response;
  const grpc::Status status = (*gateway)->TraceLeak(session.Call().get(), request, &response);
  if (!status.ok()) return session.FailRpc(status);
  Table table({"PARTNER", "DISCLOSURES", "FIRST", "LAST"});
  for (const v1::TraceLeakResponse::Recipient& recipient : response.recipients()) {
    table.Add({recipient.partner(), absl::StrCat(recipient.disclosure_count()), FormatTime(recipient.first_time()),
               FormatTime(recipient.last_time())});
  }
  std::string text = table.ToString();
  absl::StrAppend(
      &text,
      response.source().empty() ? "no single partner can be named" : absl::StrCat("the source is ", response.source()),
      response.has_canary() ? ", by a canary\n" : "\n");
  if (response.has_finding()) {
    absl::StrAppend(&text, "recorded: ",
                    ShortEnum(v1::SupervisionFinding::Action_Name(response.finding().action()), "ACTION_"), "\n");
  }
  session.out().Result(response, text);
  return kOk;
}

}  // namespace

void AddSuperviseCommands(CLI::App& app, Session& session) {
  const auto options = std::make_shared<SuperviseOptions>();
  CLI::App* supervise = app.add_subcommand("supervise", "How partners use what they are given")->require_subcommand(1);
  CLI::App* list = supervise->add_subcommand("list", "What stood out, newest first");
  list->add_option("partner", options->partner, "partners/P or P; all without it");
  session.OnRun(list, [&session, options] { return List(session, *options); });
  CLI::App* replay = supervise->add_subcommand("replay", "What would have stood out under other limits");
  replay->add_option("--max-records-per-day", options->max_records_per_day, "Of a contract; its own without it");
  replay->add_option("--burst-score", options->burst_score, "Robust deviations; 6 without it");
  session.OnRun(replay, [&session, options] { return Replay(session, *options); });
  CLI::App* canary = supervise->add_subcommand("canary", "Reserve an invented person for one partner");
  canary->add_option("partner", options->partner, "partners/P or P")->required();
  canary->add_option("person", options->person, "id:ID or contact:CONTACT, as it will stand in the records")
      ->required();
  session.OnRun(canary, [&session, options] { return Canary(session, *options); });
  CLI::App* trace = supervise->add_subcommand("trace", "Who received what turned up elsewhere");
  trace->add_option("person", options->person, "id:ID, contact:CONTACT or subjects/KEY")->required();
  trace->add_option("--pseudonym", options->pseudonym, "What stood in place of the id");
  trace->add_option("--sighting", options->sighting, "Your reference to where it was seen: records a finding");
  session.OnRun(trace, [&session, options] { return Trace(session, *options); });
}

}  // namespace postern::client::ctl
