// investigation ...: complaints, from taking one to the signed answer.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/ctl/commands.h"
#include "client/ctl/json.h"
#include "client/ctl/subject_text.h"
#include "client/transport/request_id.h"

namespace postern::client::ctl {
namespace {

using Stub = v1::InvestigationService::StubInterface;

struct InvestigationOptions {
  std::string name;
  std::string person;
  std::vector<std::string> also;
  std::string partner;
  std::string category;
  std::string reference;
  std::string finding;
  std::vector<std::string> measures;
  bool open_only = false;
};

std::string NameOf(const std::string& name) {
  return absl::StartsWith(name, "investigations/") ? name : absl::StrCat("investigations/", name);
}

std::string PartnerOf(const std::string& partner) {
  return partner.empty() || absl::StartsWith(partner, "partners/") ? partner : absl::StrCat("partners/", partner);
}

std::string StateOf(const v1::Investigation& one) {
  const std::string state = ShortEnum(v1::Investigation::State_Name(one.state()), "STATE_");
  return one.overdue() ? absl::StrCat(state, ", overdue") : state;
}

std::string TextOf(const v1::Investigation& one) {
  std::string text =
      absl::StrCat(one.name(), "\nState:        ", StateOf(one), one.urgent() ? " (a minor's)" : "",
                   "\nReference:    ", one.reference(), "\nReceived:     ", FormatTime(one.receive_time()),
                   "\nExpected by:  ", FormatTime(one.expected_by()), "\n");
  if (!one.partner().empty()) absl::StrAppend(&text, "Partner:      ", one.partner(), "\n");
  if (!one.category().empty()) absl::StrAppend(&text, "Category:     ", one.category(), "\n");
  if (!one.investigator().empty()) absl::StrAppend(&text, "Investigator: ", one.investigator(), "\n");
  for (const v1::Freeze& freeze : one.freezes()) {
    absl::StrAppend(&text, "Stopped:      ", freeze.category().empty() ? "everything" : freeze.category(), " to ",
                    freeze.partner().empty() ? "everybody" : freeze.partner(), " since ", FormatTime(freeze.time()),
                    freeze.has_lift_time() ? absl::StrCat(" until ", FormatTime(freeze.lift_time())) : "", "\n");
  }
  if (one.has_resolution()) {
    absl::StrAppend(&text,
                    "Resolved:     ", ShortEnum(v1::Resolution::Finding_Name(one.resolution().finding()), "FINDING_"),
                    ", ", FormatTime(one.resolution().time()), "\n");
  }
  return text;
}

template <typename Request>
int Ask(Session& session, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, v1::Investigation*),
        const Request& request) {
  const auto gateway = session.Investigations();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::Investigation answer;
  const grpc::Status status = ((*gateway)->*method)(session.Call().get(), request, &answer);
  if (!status.ok()) return session.FailRpc(status);
  session.out().Result(answer, TextOf(answer));
  return kOk;
}

int Create(Session& session, const InvestigationOptions& options) {
  v1::CreateInvestigationRequest request;
  if (!options.person.empty()) *request.mutable_subject() = PersonOf(options.person);
  for (const std::string& further : options.also) *request.add_also() = PersonOf(further);
  request.set_partner(PartnerOf(options.partner));
  request.set_category(options.category);
  request.set_reference(options.reference);
  request.set_request_id(NewRequestId(absl::Now()));
  return Ask(session, &Stub::CreateInvestigation, request);
}

// The requests that hold a name alone.
template <typename Request, grpc::Status (Stub::*kMethod)(grpc::ClientContext*, const Request&, v1::Investigation*)>
int Named(Session& session, const InvestigationOptions& options) {
  Request request;
  request.set_name(NameOf(options.name));
  return Ask(session, kMethod, request);
}

int Freeze(Session& session, const InvestigationOptions& options) {
  v1::FreezeForInvestigationRequest request;
  request.set_name(NameOf(options.name));
  request.set_partner(PartnerOf(options.partner));
  request.set_category(options.category);
  return Ask(session, &Stub::FreezeForInvestigation, request);
}

int Resolve(Session& session, const InvestigationOptions& options) {
  v1::ResolveInvestigationRequest request;
  request.set_name(NameOf(options.name));
  v1::Resolution& resolution = *request.mutable_resolution();
  v1::Resolution::Finding finding = v1::Resolution::FINDING_UNSPECIFIED;
  v1::Resolution::Finding_Parse(absl::StrCat("FINDING_", absl::AsciiStrToUpper(options.finding)), &finding);
  resolution.set_finding(finding);
  for (const std::string& name : options.measures) {
    v1::Resolution::Measure measure = v1::Resolution::MEASURE_UNSPECIFIED;
    v1::Resolution::Measure_Parse(absl::StrCat("MEASURE_", absl::AsciiStrToUpper(name)), &measure);
    resolution.add_measures(measure);
  }
  resolution.set_report_reference(options.reference);
  return Ask(session, &Stub::ResolveInvestigation, request);
}

int List(Session& session, const InvestigationOptions& options) {
  const auto gateway = session.Investigations();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::ListInvestigationsRequest request;
  request.set_open_only(options.open_only);
  v1::ListInvestigationsResponse all;
  do {
    v1::ListInvestigationsResponse page;
    const grpc::Status status = (*gateway)->ListInvestigations(session.Call().get(), request, &page);
    if (!status.ok()) return session.FailRpc(status);
    all.mutable_investigations()->MergeFrom(page.investigations());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  Table table({"NAME", "STATE", "PARTNER", "RECEIVED", "EXPECTED BY"});
  for (const v1::Investigation& one : all.investigations()) {
    table.Add({one.name(), StateOf(one), one.partner().empty() ? "-" : one.partner(), FormatTime(one.receive_time()),
               FormatTime(one.expected_by())});
  }
  session.out().Result(all, table.ToString());
  return kOk;
}

// Every page as one message: what a case file needs is the JSON.
int Evidence(Session& session, const InvestigationOptions& options) {
  const auto gateway = session.Investigations();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::ExportEvidenceRequest request;
  request.set_name(NameOf(options.name));
  v1::ExportEvidenceResponse all;
  do {
    v1::ExportEvidenceResponse page;
    const grpc::Status status = (*gateway)->ExportEvidence(session.Call().get(), request, &page);
    if (!status.ok()) return session.FailRpc(status);
    request.set_page_token(page.next_page_token());
    all.MergeFrom(page);
  } while (!request.page_token().empty());
  all.clear_next_page_token();
  session.out().Result(all, absl::StrCat(TextOf(all.investigation()), "Evidence:     ", all.disclosures_size(),
                                         " disclosures, ", all.notices_size(), " notices, ", all.findings_size(),
                                         " findings, ", all.entries_size(), " entries; in full with -o json\n"));
  return kOk;
}

int Reply(Session& session, const InvestigationOptions& options) {
  const auto gateway = session.Investigations();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::GetInvestigationRequest request;
  request.set_name(NameOf(options.name));
  v1::Investigation found;
  const grpc::Status status = (*gateway)->GetInvestigation(session.Call().get(), request, &found);
  if (!status.ok()) return session.FailRpc(status);
  v1::InvestigationReplyStatement statement;
  statement.ParseFromString(found.reply().payload());
  session.out().Result(found.reply(), found.has_reply() ? absl::StrCat(ToJson(statement), "\n") : "not resolved\n");
  return kOk;
}

}  // namespace

void AddInvestigationCommands(CLI::App& app, Session& session) {
  const auto options = std::make_shared<InvestigationOptions>();
  CLI::App* group = app.add_subcommand("investigation", "Complaints and what follows")->require_subcommand(1);
  const auto add = [&](const char* name, const char* what, int (*run)(Session&, const InvestigationOptions&)) {
    CLI::App* command = group->add_subcommand(name, what);
    session.OnRun(command, [&session, options, run] { return run(session, *options); });
    return command;
  };
  const auto add_named = [&](const char* name, const char* what, int (*run)(Session&, const InvestigationOptions&)) {
    CLI::App* command = add(name, what, run);
    command->add_option("investigation", options->name, "investigations/I or I")->required();
    return command;
  };
  CLI::App* create = add("create", "Take a complaint", Create);
  create->add_option("--reference", options->reference, "Your reference to the complaint")->required();
  create->add_option("--person", options->person, "Who complains: id:ID, contact:CONTACT or subjects/KEY");
  create->add_option("--also", options->also, "Further identifiers of the same person");
  create->add_option("--partner", options->partner, "The partner that it is about");
  create->add_option("--category", options->category, "The category of data that it is about");
  CLI::App* list = add("list", "The worklist, the most urgent first", List);
  list->add_flag("--open", options->open_only, "Only those that are not resolved");
  add_named("get", "One investigation", Named<v1::GetInvestigationRequest, &Stub::GetInvestigation>);
  add_named("begin", "Look into it yourself", Named<v1::BeginInvestigationRequest, &Stub::BeginInvestigation>);
  CLI::App* freeze = add_named("freeze", "Stop a partner, a category, or a category to a partner", Freeze);
  freeze->add_option("--partner", options->partner, "partners/P or P");
  freeze->add_option("--category", options->category, "Category of data");
  add_named("lift", "End its freezes", Named<v1::LiftFreezesRequest, &Stub::LiftFreezes>);
  add_named("evidence", "What the gateway knows about the matter", Evidence);
  CLI::App* resolve = add_named("resolve", "End it with a result and the signed answer", Resolve);
  resolve->add_option("--finding", options->finding, "upheld, partly_upheld or unfounded")->required();
  resolve->add_option("--measure", options->measures,
                      "corrected, erased, contract_narrowed, partner_suspended, partner_terminated, process_changed");
  resolve->add_option("--report", options->reference, "Your reference to the report")->required();
  add_named("reply", "The signed answer of a resolved one", Reply);
}

}  // namespace postern::client::ctl
