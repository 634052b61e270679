// subject show, consent, restrict, come-back, hold, release: what is on record about a person.
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "client/ctl/commands.h"
#include "client/ctl/subject_text.h"

namespace postern::client::ctl {
namespace {

struct SubjectOptions {
  std::string person;
  std::string category;
  std::string purpose;
  std::string evidence;
  std::string hold;
  std::string ground;
  std::string until;
  std::string guardian;
  bool withdraw = false;
  bool everything = false;
  bool lift = false;
  bool objection = false;
};

v1::UseScope ScopeOf(const SubjectOptions& options) {
  v1::UseScope scope;
  if (!options.category.empty()) scope.set_category(options.category);
  if (!options.purpose.empty()) scope.set_purpose(options.purpose);
  if (options.everything) scope.set_everything(true);
  return scope;
}

int Show(Session& session, const SubjectOptions& options) {
  const auto gateway = session.Rights();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::DescribeSubjectRequest request;
  *request.mutable_subject() = PersonOf(options.person);
  v1::Subject subject;
  const grpc::Status status = (*gateway)->DescribeSubject(session.Call().get(), request, &subject);
  if (!status.ok()) return session.FailRpc(status);
  session.out().Result(subject, TextOf(subject));
  return kOk;
}

int Consent(Session& session, const SubjectOptions& options) {
  const auto gateway = session.Rights();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::SetConsentRequest request;
  *request.mutable_subject() = PersonOf(options.person);
  *request.mutable_scope() = ScopeOf(options);
  request.set_granted(!options.withdraw);
  if (!options.guardian.empty()) *request.mutable_guardian() = PersonOf(options.guardian);
  request.set_evidence(options.evidence);
  v1::SetConsentResponse response;
  const grpc::Status status = (*gateway)->SetConsent(session.Call().get(), request, &response);
  if (!status.ok()) return session.FailRpc(status);
  std::string text = absl::StrCat("consent of ", response.subject(), " to ", TextOf(response.consent().scope()), " is ",
                                  response.consent().granted() ? "given" : "withdrawn", "\n");
  if (response.has_effect()) absl::StrAppend(&text, TextOf(response.effect()));
  for (const std::string& campaign : response.campaigns()) absl::StrAppend(&text, "notices in ", campaign, "\n");
  session.out().Result(response, text);
  return kOk;
}

int Restrict(Session& session, const SubjectOptions& options) {
  const auto gateway = session.Rights();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::SetRestrictionRequest request;
  *request.mutable_subject() = PersonOf(options.person);
  *request.mutable_scope() = ScopeOf(options);
  request.set_restricted(!options.lift);
  request.set_ground(options.objection ? v1::Restriction::GROUND_OBJECTION : v1::Restriction::GROUND_RESTRICTION);
  request.set_evidence(options.evidence);
  v1::SetRestrictionResponse response;
  const grpc::Status status = (*gateway)->SetRestriction(session.Call().get(), request, &response);
  if (!status.ok()) return session.FailRpc(status);
  std::string text = TextOf(response.subject());
  if (response.has_effect()) absl::StrAppend(&text, TextOf(response.effect()));
  session.out().Result(response, text);
  return kOk;
}

int ComeBack(Session& session, const SubjectOptions& options) {
  const auto gateway = session.Rights();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::LiftSuppressionRequest request;
  *request.mutable_subject() = PersonOf(options.person);
  request.set_evidence(options.evidence);
  v1::Subject subject;
  const grpc::Status status = (*gateway)->LiftSuppression(session.Call().get(), request, &subject);
  if (!status.ok()) return session.FailRpc(status);
  session.out().Result(subject, TextOf(subject));
  return kOk;
}

int Guardian(Session& session, const SubjectOptions& options) {
  const auto gateway = session.Rights();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::SetGuardianRequest request;
  *request.mutable_subject() = PersonOf(options.person);
  *request.mutable_guardian() = PersonOf(options.guardian);
  request.set_until(options.until);
  request.set_evidence(options.evidence);
  v1::Subject subject;
  const grpc::Status status = (*gateway)->SetGuardian(session.Call().get(), request, &subject);
  if (!status.ok()) return session.FailRpc(status);
  session.out().Result(subject, TextOf(subject));
  return kOk;
}

int Hold(Session& session, const SubjectOptions& options) {
  const auto gateway = session.Rights();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::PlaceLegalHoldRequest request;
  *request.mutable_subject() = PersonOf(options.person);
  request.mutable_legal_hold()->set_id(options.hold);
  request.mutable_legal_hold()->set_ground(options.ground);
  absl::CivilDay day;
  if (!absl::ParseCivilTime(options.until, &day)) {
    return session.Fail(absl::InvalidArgumentError("--until must be YYYY-MM-DD"));
  }
  request.mutable_legal_hold()->mutable_end_time()->set_seconds(
      absl::ToUnixSeconds(absl::FromCivil(day, absl::UTCTimeZone())));
  v1::Subject subject;
  const grpc::Status status = (*gateway)->PlaceLegalHold(session.Call().get(), request, &subject);
  if (!status.ok()) return session.FailRpc(status);
  session.out().Result(subject, TextOf(subject));
  return kOk;
}

int Release(Session& session, const SubjectOptions& options) {
  const auto gateway = session.Rights();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::ReleaseLegalHoldRequest request;
  *request.mutable_subject() = PersonOf(options.person);
  request.set_id(options.hold);
  v1::Subject subject;
  const grpc::Status status = (*gateway)->ReleaseLegalHold(session.Call().get(), request, &subject);
  if (!status.ok()) return session.FailRpc(status);
  session.out().Result(subject, TextOf(subject));
  return kOk;
}

}  // namespace

void AddSubjectCommands(CLI::App& app, Session& session) {
  const auto options = std::make_shared<SubjectOptions>();
  CLI::App* subject = app.add_subcommand("subject", "What people allowed, refused and asked")->require_subcommand(1);
  const auto add = [&](const char* name, const char* what, int (*run)(Session&, const SubjectOptions&)) {
    CLI::App* command = subject->add_subcommand(name, what);
    command->add_option("person", options->person, "id:ID, contact:CONTACT or subjects/KEY")->required();
    session.OnRun(command, [&session, options, run] { return run(session, *options); });
    return command;
  };
  add("show", "Consents, restrictions, suppression and holds of a person", Show);

  CLI::App* consent = add("consent", "Record a consent, or its withdrawal", Consent);
  consent->add_option("--category", options->category, "Data category");
  consent->add_option("--purpose", options->purpose, "Purpose");
  consent->add_option("--evidence", options->evidence, "Your reference to the proof");
  consent->add_option("--guardian", options->guardian, "Who speaks for the person, a minor");
  consent->add_flag("--withdraw", options->withdraw, "The consent is withdrawn");

  CLI::App* restriction = add("restrict", "Close a use, or open it again", Restrict);
  restriction->add_option("--purpose", options->purpose, "Purpose");
  restriction->add_flag("--everything", options->everything, "Every purpose");
  restriction->add_flag("--objection", options->objection, "The person objected; a restriction otherwise");
  restriction->add_flag("--lift", options->lift, "Open it again");
  restriction->add_option("--evidence", options->evidence, "Your reference to the proof");

  CLI::App* back = add("come-back", "Record that an erased person has come back", ComeBack);
  back->add_option("--evidence", options->evidence, "Your reference to the new relationship")->required();

  CLI::App* guardian = add("guardian", "Record who acts for a minor, or end that", Guardian);
  guardian->add_option("--guardian", options->guardian, "id:ID, contact:CONTACT or subjects/KEY")->required();
  guardian->add_option("--until", options->until, "The day of majority, YYYY-MM-DD, UTC; without it the link ends");
  guardian->add_option("--evidence", options->evidence, "Your reference to the proof")->required();

  CLI::App* hold = add("hold", "Record a legal duty to keep", Hold);
  hold->add_option("--hold", options->hold, "Id of the hold")->required();
  hold->add_option("--ground", options->ground, "The law or proceeding")->required();
  hold->add_option("--until", options->until, "YYYY-MM-DD, UTC")->required();

  CLI::App* release = add("release", "End a legal hold", Release);
  release->add_option("--hold", options->hold, "Id of the hold")->required();
  AddSubjectRequestCommands(*subject, session);
}

}  // namespace postern::client::ctl
