// apply, diff, activate: bring the gateway to what a folder says.
#include <memory>
#include <string>

#include <google/protobuf/util/message_differencer.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/ctl/commands.h"
#include "client/ctl/source_folder.h"
#include "client/transport/status.h"
#include "proto/errors/error.h"

namespace postern::client::ctl {
namespace {

struct ApplyOptions {
  std::string directory;
  bool dry_run = false;
};

enum class PartnerChange { kNone, kCreate, kUpdate };

// True if what an operator may set is the same on both sides.
bool SameSettings(v1::Partner wanted, v1::Partner current) {
  for (v1::Partner* p : {&wanted, &current}) {
    p->clear_state();
    p->clear_state_reason();
    p->clear_epoch();
    p->clear_etag();
    p->clear_create_time();
    p->clear_update_time();
  }
  return google::protobuf::util::MessageDifferencer::Equals(wanted, current);
}

// Creates or updates one partner; with `validate_only` only says what it would do.
grpc::Status PutPartner(Session& session, v1::OperatorService::StubInterface& gateway, const v1::Partner& wanted,
                        bool validate_only, PartnerChange* change) {
  *change = PartnerChange::kNone;
  v1::GetPartnerRequest get;
  get.set_name(wanted.name());
  v1::Partner current;
  const grpc::Status found = gateway.GetPartner(session.Call().get(), get, &current);
  if (!found.ok()) {
    const absl::Status status = FromGrpc(found);
    if (status.code() != absl::StatusCode::kNotFound) return found;
    *change = PartnerChange::kCreate;
    v1::CreatePartnerRequest create;
    *create.mutable_partner() = wanted;
    create.set_validate_only(validate_only);
    return gateway.CreatePartner(session.Call().get(), create, &current);
  }
  if (SameSettings(wanted, current)) return grpc::Status::OK;
  *change = PartnerChange::kUpdate;
  v1::UpdatePartnerRequest update;
  *update.mutable_partner() = wanted;
  update.mutable_partner()->set_etag(current.etag());
  update.set_validate_only(validate_only);
  return gateway.UpdatePartner(session.Call().get(), update, &current);
}

std::string ChangeName(PartnerChange change) {
  switch (change) {
    case PartnerChange::kCreate:
      return "created";
    case PartnerChange::kUpdate:
      return "updated";
    case PartnerChange::kNone:
      return "unchanged";
  }
  return "";
}

std::string Describe(const v1::ApplyPolicyBundleResponse& response, bool dry_run) {
  std::string text;
  for (const auto& revision : response.revisions()) {
    absl::StrAppend(&text, revision.name(), dry_run ? " would be " : " is ",
                    ShortEnum(v1::ContractRevision::State_Name(revision.state()), "STATE_"),
                    revision.widening() ? ", widening" : "", "\n");
    for (const std::string& line : revision.changes()) absl::StrAppend(&text, "  ", line, "\n");
  }
  if (response.pending_second_person()) {
    absl::StrAppend(&text, "the bundle releases more than before: a second person must apply the same content\n");
  } else if (!dry_run && response.has_bundle()) {
    absl::StrAppend(&text, response.bundle().name(), " is in force\n");
  }
  if (response.withdrawn_count() > 0)
    absl::StrAppend(&text, response.withdrawn_count(), " waiting records were withdrawn\n");
  return text;
}

int Apply(Session& session, const ApplyOptions& options, bool diff) {
  const bool validate_only = options.dry_run || diff;
  const auto folder = ReadSourceFolder(options.directory);
  if (!folder.ok()) return session.Fail(folder.status());
  const auto gateway = session.Operator();
  if (!gateway.ok()) return session.Fail(gateway.status());
  bool differs = false;
  for (const v1::Partner& partner : folder->partners) {
    PartnerChange change;
    const grpc::Status status = PutPartner(session, **gateway, partner, validate_only, &change);
    if (!status.ok()) return session.FailRpc(status);
    differs = differs || change != PartnerChange::kNone;
    session.out().Note(absl::StrCat(
        partner.name(), validate_only && change != PartnerChange::kNone ? " would be " : " ", ChangeName(change)));
  }
  v1::ApplyPolicyBundleRequest request;
  *request.mutable_bundle() = folder->ToBundle();
  request.set_validate_only(validate_only);
  v1::PolicyBundle current;
  const grpc::Status got = (*gateway)->GetPolicyBundle(session.Call().get(), {}, &current);
  if (got.ok()) {
    request.set_etag(current.etag());
  } else if (const auto reason = ReasonOf(FromGrpc(got));
             reason != v1::ERROR_REASON_POLICY_ABSENT && reason != v1::ERROR_REASON_NOT_FOUND) {
    return session.FailRpc(got);
  }
  v1::ApplyPolicyBundleResponse response;
  const grpc::Status applied = (*gateway)->ApplyPolicyBundle(session.Call().get(), request, &response);
  if (!applied.ok()) return session.FailRpc(applied);
  session.out().Diagnostics(response.diagnostics());
  differs = differs || response.revisions_size() > 0 || response.pending_second_person();
  session.out().Result(response, Describe(response, validate_only));
  return diff && differs ? kDifferences : kOk;
}

int Activate(Session& session, const std::string& name, bool dry_run) {
  const auto gateway = session.Operator();
  if (!gateway.ok()) return session.Fail(gateway.status());
  v1::ActivateContractRevisionRequest request;
  request.set_name(name);
  request.set_validate_only(dry_run);
  v1::ContractRevision revision;
  const grpc::Status status = (*gateway)->ActivateContractRevision(session.Call().get(), request, &revision);
  if (!status.ok()) return session.FailRpc(status);
  session.out().Result(revision, absl::StrCat(revision.name(), dry_run ? " can be activated\n" : " is active\n"));
  return kOk;
}

}  // namespace

void AddApplyCommands(CLI::App& app, Session& session) {
  const auto options = std::make_shared<ApplyOptions>();
  CLI::App* apply = app.add_subcommand("apply", "Create or update partners and apply the policy bundle of a folder");
  apply->add_option("-f,--folder", options->directory, "Folder with .txtpb and .binpb files")
      ->required()
      ->check(CLI::ExistingDirectory);
  apply->add_flag("--dry-run", options->dry_run, "Check everything, change nothing");
  session.OnRun(apply, [&session, options] { return Apply(session, *options, false); });

  CLI::App* diff = app.add_subcommand("diff", "Show what apply would change; exit code 1 if anything");
  diff->add_option("-f,--folder", options->directory, "Folder with .txtpb and .binpb files")
      ->required()
      ->check(CLI::ExistingDirectory);
  session.OnRun(diff, [&session, options] { return Apply(session, *options, true); });

  const auto name = std::make_shared<std::string>();
  const auto dry_run = std::make_shared<bool>(false);
  CLI::App* activate =
      app.add_subcommand("activate", "Put a pending contract revision in force; by another person than applied it");
  activate->add_option("revision", *name, "partners/P/contracts/C/revisions/R")->required();
  activate->add_flag("--dry-run", *dry_run, "Check only");
  session.OnRun(activate, [&session, name, dry_run] { return Activate(session, *name, *dry_run); });
}

}  // namespace postern::client::ctl
