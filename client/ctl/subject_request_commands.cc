// subject request ...: what people ask, from taking it to the report or the certificate.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/ctl/commands.h"
#include "client/ctl/subject_text.h"
#include "client/transport/request_id.h"

namespace postern::client::ctl {
namespace {

struct RequestOptions {
  std::string person;
  std::string guardian;
  std::vector<std::string> also;
  std::string kind = "access";
  std::string name;
  std::string method;
  std::string evidence;
  std::string reason;
  std::string output;
  bool dry_run = false;
  bool open_only = false;
};

std::string NameOf(const std::string& name) {
  return absl::StartsWith(name, "subjectRequests/") ? name : absl::StrCat("subjectRequests/", name);
}

// Calls a method that takes `request` and returns a SubjectRequest, and prints that.
template <typename Request>
int Ask(Session& session,
        grpc::Status (v1::SubjectRightsService::StubInterface::*method)(grpc::ClientContext*, const Request&,
                                                                        v1::SubjectRequest*),
        const Request& request) {
  const auto gateway = session.Rights();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::SubjectRequest answer;
  const grpc::Status status = ((*gateway)->*method)(session.Call().get(), request, &answer);
  if (!status.ok()) return session.FailRpc(status);
  session.out().Result(answer, TextOf(answer));
  return kOk;
}

using Stub = v1::SubjectRightsService::StubInterface;

int Create(Session& session, const RequestOptions& options) {
  v1::CreateSubjectRequestRequest request;
  *request.mutable_subject() = PersonOf(options.person);
  for (const std::string& further : options.also) *request.add_also() = PersonOf(further);
  v1::SubjectRequest::Kind kind = v1::SubjectRequest::KIND_UNSPECIFIED;
  std::string name = absl::StrCat("KIND_", absl::AsciiStrToUpper(options.kind));
  for (char& c : name) {
    if (c == '-') c = '_';
  }
  v1::SubjectRequest::Kind_Parse(name, &kind);
  request.set_kind(kind);
  request.set_request_id(NewRequestId(absl::Now()));
  request.set_validate_only(options.dry_run);
  if (!options.guardian.empty()) *request.mutable_guardian() = PersonOf(options.guardian);
  if (!options.method.empty()) {
    request.mutable_verification()->set_method(options.method);
    request.mutable_verification()->set_evidence(options.evidence);
  }
  return Ask(session, &Stub::CreateSubjectRequest, request);
}

int Get(Session& session, const RequestOptions& options) {
  v1::GetSubjectRequestRequest request;
  request.set_name(NameOf(options.name));
  return Ask(session, &Stub::GetSubjectRequest, request);
}

int Verify(Session& session, const RequestOptions& options) {
  v1::VerifySubjectRequestRequest request;
  request.set_name(NameOf(options.name));
  request.mutable_verification()->set_method(options.method);
  request.mutable_verification()->set_evidence(options.evidence);
  return Ask(session, &Stub::VerifySubjectRequest, request);
}

int Run(Session& session, const RequestOptions& options) {
  v1::RunSubjectRequestRequest request;
  request.set_name(NameOf(options.name));
  return Ask(session, &Stub::RunSubjectRequest, request);
}

int Deny(Session& session, const RequestOptions& options) {
  v1::DenySubjectRequestRequest request;
  request.set_name(NameOf(options.name));
  v1::SubjectRequest::DenialReason reason = v1::SubjectRequest::DENIAL_REASON_UNSPECIFIED;
  v1::SubjectRequest::DenialReason_Parse(absl::StrCat("DENIAL_REASON_", absl::AsciiStrToUpper(options.reason)),
                                         &reason);
  request.set_reason(reason);
  return Ask(session, &Stub::DenySubjectRequest, request);
}

int Cancel(Session& session, const RequestOptions& options) {
  v1::CancelSubjectRequestRequest request;
  request.set_name(NameOf(options.name));
  return Ask(session, &Stub::CancelSubjectRequest, request);
}

int List(Session& session, const RequestOptions& options) {
  const auto gateway = session.Rights();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::ListSubjectRequestsRequest request;
  request.set_open_only(options.open_only);
  v1::ListSubjectRequestsResponse all;
  do {
    v1::ListSubjectRequestsResponse page;
    const grpc::Status status = (*gateway)->ListSubjectRequests(session.Call().get(), request, &page);
    if (!status.ok()) return session.FailRpc(status);
    all.mutable_subject_requests()->MergeFrom(page.subject_requests());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  Table table({"NAME", "KIND", "STATE", "RECEIVED", "EXPECTED BY"});
  for (const v1::SubjectRequest& one : all.subject_requests()) {
    const std::string state = ShortEnum(v1::SubjectRequest::State_Name(one.state()), "STATE_");
    table.Add({one.name(), ShortEnum(v1::SubjectRequest::Kind_Name(one.kind()), "KIND_"),
               one.overdue() ? absl::StrCat(state, ", overdue") : state, FormatTime(one.receive_time()),
               FormatTime(one.expected_by())});
  }
  session.out().Result(all, table.ToString());
  return kOk;
}

int Report(Session& session, const RequestOptions& options) {
  const auto gateway = session.Rights();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::GetAccessReportRequest request;
  request.set_name(NameOf(options.name));
  v1::GetAccessReportResponse all;
  do {
    v1::GetAccessReportResponse page;
    const grpc::Status status = (*gateway)->GetAccessReport(session.Call().get(), request, &page);
    if (!status.ok()) return session.FailRpc(status);
    if (all.subjects().empty()) *all.mutable_subjects() = page.subjects();
    all.mutable_entries()->MergeFrom(page.entries());
    // Paths of every page lead to that page's checkpoint; one that grew meanwhile is seen by its size.
    all.set_checkpoint(page.checkpoint());
    *all.mutable_create_time() = page.create_time();
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  session.out().Result(all, TextOf(all));
  return kOk;
}

int Certificate(Session& session, const RequestOptions& options) {
  const auto gateway = session.Rights();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::GetErasureCertificateRequest request;
  request.set_name(NameOf(options.name));
  v1::GetErasureCertificateResponse response;
  const grpc::Status status = (*gateway)->GetErasureCertificate(session.Call().get(), request, &response);
  if (!status.ok()) return session.FailRpc(status);
  v1::ErasureCertificateStatement statement;
  statement.ParseFromString(response.certificate().payload());
  session.out().Result(response, absl::StrCat(ToJson(statement), "\n"));
  return kOk;
}

}  // namespace

void AddSubjectRequestCommands(CLI::App& subject, Session& session) {
  const auto options = std::make_shared<RequestOptions>();
  CLI::App* group = subject.add_subcommand("request", "What people ask")->require_subcommand(1);
  const auto add = [&](const char* name, const char* what, int (*run)(Session&, const RequestOptions&)) {
    CLI::App* command = group->add_subcommand(name, what);
    session.OnRun(command, [&session, options, run] { return run(session, *options); });
    return command;
  };
  const auto add_named = [&](const char* name, const char* what, int (*run)(Session&, const RequestOptions&)) {
    CLI::App* command = add(name, what, run);
    command->add_option("request", options->name, "subjectRequests/R or R")->required();
    return command;
  };
  CLI::App* create = add("create", "Take a request", Create);
  create->add_option("person", options->person, "id:ID, contact:CONTACT or subjects/KEY")->required();
  create->add_option("--also", options->also, "Further identifiers of the same person");
  create->add_option("--guardian", options->guardian, "Who asks for the person, a minor");
  create->add_option("--kind", options->kind, "access, erasure or account-cancellation")->required();
  create->add_option("--verified-by", options->method, "How the identity was verified, if it was");
  create->add_option("--evidence", options->evidence, "Your reference to the proof");
  create->add_flag("--dry-run", options->dry_run, "Show what would become of it");
  CLI::App* list = add("list", "Requests by urgency", List);
  list->add_flag("--open", options->open_only, "Only those that have not ended");
  add_named("get", "One request with its progress", Get);
  CLI::App* verify = add_named("verify", "Record that the identity was verified", Verify);
  verify->add_option("--verified-by", options->method, "How")->required();
  verify->add_option("--evidence", options->evidence, "Your reference to the proof");
  add_named("run", "Begin the work", Run);
  CLI::App* deny = add_named("deny", "Refuse it", Deny);
  deny->add_option("--reason", options->reason, "identity_not_verified, excessive, legal_duty or rights_of_others")
      ->required();
  add_named("cancel", "Take it back before it begins", Cancel);
  add_named("report", "The report of a fulfilled access request", Report);
  add_named("certificate", "The certificate of a fulfilled erasure", Certificate);
}

}  // namespace postern::client::ctl
