// suspend, resume, terminate.
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/ctl/commands.h"
#include "client/ctl/resources.h"

namespace postern::client::ctl {
namespace {

struct RevocationOptions {
  std::string partner;
  std::string kind;
  bool all = false;
  std::string reason = "operator";
  std::string confirm;
  bool dry_run = false;
};

std::string Describe(const v1::Partner& partner, const v1::RevocationEffect& effect, bool dry_run, bool terminate) {
  Table table({"", ""});
  table.Add({"live streams", absl::StrCat(effect.live_streams())});
  table.Add({"delivered", absl::StrCat(effect.delivered_count())});
  table.Add({"possibly held", absl::StrCat(effect.possibly_held_count())});
  table.Add({terminate ? "undelivered" : "waiting", absl::StrCat(effect.undelivered_count())});
  if (terminate) table.Add({"handles to delete", absl::StrCat(effect.handle_count())});
  const std::string state = ShortEnum(v1::PartnerState_Name(partner.state()), "PARTNER_STATE_");
  // With --dry-run the state is what it is now, or what it would become: either way nothing has happened.
  return absl::StrCat(dry_run ? "nothing was changed; it would mean for " : "", partner.name(),
                      dry_run ? "" : absl::StrCat(" is ", state), table.ToString());
}

template <typename Response>
int ShowBatch(Session& session, const Response& response, bool dry_run) {
  Table table({"PARTNER", "STREAMS", "DELIVERED", "POSSIBLY HELD", "UNDELIVERED", "CAMPAIGN", "FAILED"});
  bool failed = false;
  for (const v1::PartnerRevocation& one : response.revocations()) {
    failed = failed || !one.error_reason().empty();
    table.Add({one.partner(), absl::StrCat(one.effect().live_streams()), absl::StrCat(one.effect().delivered_count()),
               absl::StrCat(one.effect().possibly_held_count()), absl::StrCat(one.effect().undelivered_count()),
               one.has_campaign() ? one.campaign().name() : "-",
               one.error_reason().empty() ? "-" : one.error_reason()});
  }
  session.out().Result(response, absl::StrCat(dry_run ? "nothing was changed; it would mean\n" : "", table.ToString()));
  return failed ? kRefused : kOk;
}

int SuspendMany(Session& session, const RevocationOptions& options) {
  const auto gateway = session.Operator();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::BatchSuspendPartnersRequest request;
  request.set_kind(options.kind);
  request.set_reason(options.reason);
  request.set_validate_only(options.dry_run);
  v1::BatchSuspendPartnersResponse response;
  const grpc::Status status = (*gateway)->BatchSuspendPartners(session.Call().get(), request, &response);
  return status.ok() ? ShowBatch(session, response, options.dry_run) : session.FailRpc(status);
}

int TerminateMany(Session& session, const RevocationOptions& options) {
  const auto gateway = session.Operator();
  if (!gateway.ok()) return session.Fail(gateway.status());
  if (!options.dry_run && options.confirm.empty()) {
    session.out().Error("", absl::StrCat("termination cannot be undone: repeat the kind with --confirm=", options.kind),
                        {});
    return kUsage;
  }
  v1::BatchTerminatePartnersRequest request;
  request.set_kind(options.kind);
  request.set_confirm(options.confirm);
  request.set_reason(options.reason);
  request.set_validate_only(options.dry_run);
  v1::BatchTerminatePartnersResponse response;
  const grpc::Status status = (*gateway)->BatchTerminatePartners(session.Call().get(), request, &response);
  return status.ok() ? ShowBatch(session, response, options.dry_run) : session.FailRpc(status);
}

// The current etag of a partner.
absl::StatusOr<std::string> EtagOf(Session& session, v1::OperatorService::StubInterface& gateway,
                                   const std::string& name, grpc::Status* status) {
  v1::GetPartnerRequest request;
  request.set_name(name);
  v1::Partner partner;
  *status = gateway.GetPartner(session.Call().get(), request, &partner);
  return partner.etag();
}

int Suspend(Session& session, const RevocationOptions& options) {
  const auto gateway = session.Operator();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::SuspendPartnerRequest request;
  request.set_name(PartnerName(options.partner));
  request.set_reason(options.reason);
  request.set_validate_only(options.dry_run);
  v1::SuspendPartnerResponse response;
  const grpc::Status status = (*gateway)->SuspendPartner(session.Call().get(), request, &response);
  if (!status.ok()) return session.FailRpc(status);
  session.out().Result(response, Describe(response.partner(), response.effect(), options.dry_run, false));
  return kOk;
}

int Resume(Session& session, const RevocationOptions& options) {
  const auto gateway = session.Operator();
  if (!gateway.ok()) return session.Fail(gateway.status());
  grpc::Status status;
  v1::ResumePartnerRequest request;
  request.set_name(PartnerName(options.partner));
  const auto etag = EtagOf(session, **gateway, request.name(), &status);
  if (!status.ok()) return session.FailRpc(status);
  request.set_etag(*etag);
  v1::Partner partner;
  status = (*gateway)->ResumePartner(session.Call().get(), request, &partner);
  if (!status.ok()) return session.FailRpc(status);
  session.out().Result(partner, absl::StrCat(partner.name(), " is active\n"));
  return kOk;
}

int Terminate(Session& session, const RevocationOptions& options) {
  const auto gateway = session.Operator();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::TerminatePartnerRequest request;
  request.set_name(PartnerName(options.partner));
  request.set_reason(options.reason);
  request.set_validate_only(options.dry_run);
  if (!options.dry_run) {
    if (options.confirm.empty()) {
      session.out().Error(
          "", absl::StrCat("termination cannot be undone: repeat the name with --confirm=", options.partner), {});
      return kUsage;
    }
    request.set_confirm(PartnerName(options.confirm));
  }
  grpc::Status status;
  const auto etag = EtagOf(session, **gateway, request.name(), &status);
  if (!status.ok()) return session.FailRpc(status);
  request.set_etag(*etag);
  v1::TerminatePartnerResponse response;
  status = (*gateway)->TerminatePartner(session.Call().get(), request, &response);
  if (!status.ok()) return session.FailRpc(status);
  std::string text = Describe(response.partner(), response.effect(), options.dry_run, true);
  if (response.has_campaign()) {
    absl::StrAppend(&text, response.campaign().name(), " is due ", FormatTime(response.campaign().due_time()), "\n");
  }
  session.out().Result(response, text);
  return kOk;
}

}  // namespace

void AddRevocationCommands(CLI::App& app, Session& session) {
  const auto options = std::make_shared<RevocationOptions>();
  const auto common = [&](CLI::App* command) {
    command->add_option("partner", options->partner, "partners/P or P")->required();
    return command;
  };
  CLI::App* suspend = app.add_subcommand("suspend", "Pause a partner, or all of them, at once; backlogs are kept");
  CLI::Option_group* whom = suspend->add_option_group("whom");
  whom->require_option(1);
  whom->add_option("partner", options->partner, "partners/P or P");
  whom->add_flag("--all", options->all, "Every active partner");
  whom->add_option("--all-of-kind", options->kind, "Every active partner of this kind");
  suspend->add_option("--reason", options->reason, "Why, for the record: a-z, 0-9 and underscore");
  suspend->add_flag("--dry-run", options->dry_run, "Show the effect, change nothing");
  session.OnRun(suspend, [&session, options] {
    return options->partner.empty() ? SuspendMany(session, *options) : Suspend(session, *options);
  });

  session.OnRun(common(app.add_subcommand("resume", "End a suspension")),
                [&session, options] { return Resume(session, *options); });

  CLI::App* terminate = app.add_subcommand("terminate", "Revoke a partner, or a kind, for good and begin deletion");
  whom = terminate->add_option_group("whom");
  whom->require_option(1);
  whom->add_option("partner", options->partner, "partners/P or P");
  whom->add_option("--all-of-kind", options->kind, "Every partner of this kind");
  terminate->add_option("--reason", options->reason, "Why, for the record: a-z, 0-9 and underscore");
  terminate->add_option("--confirm", options->confirm, "The partner's name, or the kind, again");
  terminate->add_flag("--dry-run", options->dry_run, "Show the effect, change nothing");
  session.OnRun(terminate, [&session, options] {
    return options->partner.empty() ? TerminateMany(session, *options) : Terminate(session, *options);
  });
}

}  // namespace postern::client::ctl
