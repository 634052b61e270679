// apply, diff, activate: bring the gateway to what a folder says.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "client/ctl/bundle_diff.h"
#include "client/ctl/bundle_file.h"
#include "client/ctl/commands.h"
#include "client/ctl/json.h"
#include "client/ctl/partner_change.h"
#include "client/ctl/source_folder.h"
#include "client/transport/status.h"
#include "proto/errors/error.h"

namespace postern::client::ctl {
namespace {

struct ApplyOptions {
  std::string directory;
  bool dry_run = false;
  bool remove_identities = false;
};

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

// What the gateway has in force; empty if there is none yet.
grpc::Status ReadBundle(Session& session, v1::OperatorService::StubInterface& gateway, v1::PolicyBundle* current) {
  const grpc::Status got = gateway.GetPolicyBundle(session.Call().get(), {}, current);
  const auto reason = ReasonOf(FromGrpc(got));
  return reason == v1::ERROR_REASON_POLICY_ABSENT || reason == v1::ERROR_REASON_NOT_FOUND ? grpc::Status::OK : got;
}

// The whole folder against the gateway.
struct Plan {
  std::vector<PartnerChange> partners;
  v1::PolicyBundle current;
  BundleDifference bundle;
  bool partners_change = false;
};

int MakePlan(Session& session, v1::OperatorService::StubInterface& gateway, const SourceFolder& folder, Plan* plan) {
  for (const v1::Partner& partner : folder.partners) {
    PartnerChange& change = plan->partners.emplace_back();
    const grpc::Status status = PlanPartner(session, gateway, partner, &change);
    if (!status.ok()) return session.FailRpc(status);
    plan->partners_change = plan->partners_change || change.kind != PartnerChange::Kind::kNone;
  }
  const grpc::Status got = ReadBundle(session, gateway, &plan->current);
  if (!got.ok()) return session.FailRpc(got);
  const auto compiled = CompileSources(session, folder.sources);
  if (compiled == nullptr) {
    return session.Fail(MakeError(v1::ERROR_REASON_POLICY_INVALID, "the folder does not compile; nothing was changed"));
  }
  plan->bundle = CompareBundles(plan->current, folder, *compiled);
  return kOk;
}

v1::ApplyPolicyBundleRequest BundleRequest(const SourceFolder& folder, const Plan& plan, bool validate_only) {
  v1::ApplyPolicyBundleRequest request;
  *request.mutable_bundle() = folder.ToBundle();
  request.set_etag(plan.current.etag());
  request.set_validate_only(validate_only);
  return request;
}

// Asks the gateway whether it would do everything. A bundle that needs the partners as the folder has them can be asked
// only once they are so; until then it is known to compile.
int Validate(Session& session, v1::OperatorService::StubInterface& gateway, const SourceFolder& folder, Plan& plan,
             v1::ApplyPolicyBundleResponse* response) {
  for (PartnerChange& change : plan.partners) {
    const grpc::Status status = PutPartner(session, gateway, /*validate_only=*/true, &change);
    if (!status.ok()) return session.FailRpc(status);
  }
  if (plan.partners_change) return kOk;
  const grpc::Status status =
      gateway.ApplyPolicyBundle(session.Call().get(), BundleRequest(folder, plan, /*validate_only=*/true), response);
  return status.ok() ? kOk : session.FailRpc(status);
}

// What would change, for people or programs.
void Print(Session& session, const Plan& plan, const v1::ApplyPolicyBundleResponse& response) {
  std::string text;
  google::protobuf::Struct json;
  for (const PartnerChange& change : plan.partners) {
    absl::StrAppend(&text, Describe(change, /*validate_only=*/true));
    if (change.kind == PartnerChange::Kind::kNone) continue;
    auto& item = Append(json, "partners");
    Set(item, "name", change.wanted.name());
    Set(item, "create", change.kind == PartnerChange::Kind::kCreate);
    Set(item, "changes", change.lines);
  }
  Set(json, "differs", plan.partners_change || plan.bundle.differs);
  *(*json.mutable_fields())["bundle"].mutable_struct_value() = plan.bundle.json;
  absl::StrAppend(&text, plan.bundle.text, Describe(response, /*dry_run=*/true));
  session.out().Result(json, text);
}

int Apply(Session& session, const ApplyOptions& options, bool diff) {
  const auto folder = ReadSourceFolder(options.directory);
  if (!folder.ok()) return session.Fail(folder.status());
  const auto gateway = session.Operator();
  if (!gateway.ok()) return session.Fail(gateway.status());

  // Everything is asked before anything is changed, so that a folder that is refused changes nothing.
  Plan plan;
  if (const int code = MakePlan(session, **gateway, *folder, &plan); code != kOk) return code;
  v1::ApplyPolicyBundleResponse response;
  if (const int code = Validate(session, **gateway, *folder, plan, &response); code != kOk) return code;
  if (diff || options.dry_run) {
    Print(session, plan, response);
    return diff && (plan.partners_change || plan.bundle.differs) ? kDifferences : kOk;
  }
  for (const PartnerChange& change : plan.partners) {
    if (change.removed_identities.empty() || options.remove_identities) continue;
    return session.Fail(MakeError(
        v1::ERROR_REASON_INVALID_ARGUMENT,
        absl::StrCat(change.wanted.name(), " has identities that the folder has not, for example enrolled ones: ",
                     absl::StrJoin(change.removed_identities, ", "),
                     ". Removing them cuts the partner off; add them to the folder or say --remove-identities"),
        {{"file", options.directory}}));
  }

  std::vector<std::string> waiting;
  for (PartnerChange& change : plan.partners) {
    const grpc::Status status = PutPartner(session, **gateway, /*validate_only=*/false, &change);
    if (!status.ok()) return session.FailRpc(status);
    session.out().Note(absl::StripSuffix(Describe(change, /*validate_only=*/false), "\n"));
    if (change.waits) waiting.push_back(change.wanted.name());
  }
  const grpc::Status applied = (*gateway)->ApplyPolicyBundle(
      session.Call().get(), BundleRequest(*folder, plan, /*validate_only=*/false), &response);
  if (!applied.ok()) return session.FailRpc(applied);
  google::protobuf::Struct json = FromMessage(response);
  Set(json, "waiting_partners", waiting);
  session.out().Result(json, Describe(response, /*dry_run=*/false));
  return !waiting.empty() || response.pending_second_person() ? kWaits : kOk;
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
  apply->add_flag("--remove-identities", options->remove_identities,
                  "Remove identities that the folder does not have, and end their connections");
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
