#include "server/registry/bundle_registry.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/registry/audit_entry.h"
#include "server/registry/errors.h"
#include "server/registry/lifecycle.h"
#include "server/registry/partner_rows.h"
#include "server/registry/times.h"
#include "server/registry/withdrawal.h"

namespace postern::registry {
namespace {

// How often a bundle is planned anew because something has changed while it was compiled.
constexpr int kPlanAttempts = 5;

absl::string_view EventOf(const v1::ContractRevision& revision) {
  return revision.state() == v1::ContractRevision::STATE_ACTIVE ? "revision.active" : "revision.pending";
}

}  // namespace

absl::StatusOr<v1::ApplyPolicyBundleResponse> BundleRegistry::ApplyPolicyBundle(
    absl::string_view principal, const v1::ApplyPolicyBundleRequest& request) {
  for (int attempt = 0; attempt < kPlanAttempts; ++attempt) {
    POSTERN_ASSIGN_OR_RETURN(const PolicyState state, ReadState());
    if (!request.etag().empty() && request.etag() != state.bundle_etag) return errors::EtagMismatch("policyBundles");
    const absl::Time now = control_.clock();
    POSTERN_ASSIGN_OR_RETURN(const PolicyPlan plan, PlanBundle(state, request.bundle(), principal, now));

    absl::MutexLock lock(&control_.mutex);
    POSTERN_ASSIGN_OR_RETURN(const PolicyState found, ReadState());
    if (SameState(state, found)) return ApplyPlanned(principal, request, state, plan, now);
  }
  return errors::EtagMismatch("policyBundles");
}

absl::StatusOr<v1::ApplyPolicyBundleResponse> BundleRegistry::ApplyPlanned(absl::string_view principal,
                                                                           const v1::ApplyPolicyBundleRequest& request,
                                                                           const PolicyState& state,
                                                                           const PolicyPlan& plan, absl::Time now) {
  storage::BundleRow row;
  row.digest = BundleDigest(request.bundle());
  row.bundle = request.bundle();
  row.bundle.set_name(absl::StrCat("policyBundles/", row.digest));
  SetTime(now, row.bundle.mutable_create_time());
  row.bundle.set_policy_version(plan.policy_version);

  v1::ApplyPolicyBundleResponse response;
  *response.mutable_diagnostics() = plan.warnings.diagnostics();
  POSTERN_ASSIGN_OR_RETURN(const bool approved, SecondPerson(row.digest, principal));
  response.set_pending_second_person(!plan.widened.empty() && !approved);
  if (request.validate_only() || !response.pending_second_person()) {
    for (const storage::RevisionRow& fresh : plan.fresh) *response.add_revisions() = fresh.revision;
  }
  if (request.validate_only()) return response;
  if (response.pending_second_person()) {
    POSTERN_RETURN_IF_ERROR(KeepForSecondPerson(principal, std::move(row), plan));
    return response;
  }

  row.in_force = true;
  storage::ChangeSet change;
  change.bundle = row;
  change.expected_bundle_etag = state.bundle_etag;
  POSTERN_RETURN_IF_ERROR(AppendLeaf(&change.audit_leaves, v1::AuditEntry::KIND_OPERATOR_ACTION,
                                     {now, principal, row.bundle.name()}, "bundle.applied"));
  POSTERN_ASSIGN_OR_RETURN(const Applied applied, Apply(state, plan, now, principal, std::move(change)));
  response.set_withdrawn_count(applied.withdrawn);
  // Name and etag are what the caller does not have yet; the content it has.
  response.mutable_bundle()->set_name(row.bundle.name());
  response.mutable_bundle()->set_etag(applied.bundle_etag);
  response.mutable_bundle()->set_policy_version(row.bundle.policy_version());
  *response.mutable_bundle()->mutable_create_time() = row.bundle.create_time();
  control_.events->Publish(now, "bundle.applied", row.bundle.name(), principal);
  return response;
}

absl::StatusOr<v1::PolicyBundle> BundleRegistry::GetPolicyBundle(const v1::GetPolicyBundleRequest&) {
  POSTERN_ASSIGN_OR_RETURN(std::optional<storage::BundleRow> row, control_.store->ReadBundleInForce());
  if (!row) return errors::PolicyAbsent();
  return std::move(row->bundle);
}

absl::StatusOr<v1::ListContractRevisionsResponse> BundleRegistry::ListContractRevisions(
    const v1::ListContractRevisionsRequest& request) {
  POSTERN_ASSIGN_OR_RETURN(const storage::PartnerRow partner, ReadPartner(*control_.store, request.parent()));
  POSTERN_ASSIGN_OR_RETURN(std::vector<storage::RevisionRow> rows, control_.store->ListRevisions(partner.id));
  std::stable_sort(rows.begin(), rows.end(), [](const storage::RevisionRow& a, const storage::RevisionRow& b) {
    return ToTime(a.revision.create_time()) > ToTime(b.revision.create_time());
  });
  v1::ListContractRevisionsResponse response;
  for (storage::RevisionRow& row : rows) *response.add_revisions() = std::move(row.revision);
  return response;
}

absl::StatusOr<v1::ContractRevision> BundleRegistry::ActivateContractRevision(
    absl::string_view principal, const v1::ActivateContractRevisionRequest& request) {
  for (int attempt = 0; attempt < kPlanAttempts; ++attempt) {
    POSTERN_ASSIGN_OR_RETURN(const PolicyState state, ReadState());
    const absl::Time now = control_.clock();
    POSTERN_ASSIGN_OR_RETURN(const storage::RevisionRow* revision,
                             FindActivatable(state, request.name(), principal, now));
    POSTERN_ASSIGN_OR_RETURN(const std::optional<storage::BundleRow> bundle, control_.store->ReadBundleInForce());
    if (!bundle) return errors::PolicyAbsent();
    POSTERN_ASSIGN_OR_RETURN(const PolicyPlan plan, PlanActivation(state, bundle->bundle, *revision, principal));

    absl::MutexLock lock(&control_.mutex);
    POSTERN_ASSIGN_OR_RETURN(const PolicyState found, ReadState());
    if (!SameState(state, found) || bundle->bundle.etag() != found.bundle_etag) continue;
    if (!request.validate_only()) POSTERN_RETURN_IF_ERROR(ActivatePlanned(principal, state, plan, now));
    return plan.fresh.front().revision;
  }
  return errors::EtagMismatch(request.name());
}

absl::Status BundleRegistry::ActivatePlanned(absl::string_view principal, const PolicyState& state,
                                             const PolicyPlan& plan, absl::Time now) {
  const v1::ContractRevision& revision = plan.fresh.front().revision;
  POSTERN_ASSIGN_OR_RETURN(storage::PartnerRow partner, ReadPartner(*control_.store, PartnerPart(revision.name())));
  storage::ChangeSet change;
  POSTERN_RETURN_IF_ERROR(AppendLeaf(&change.audit_leaves, v1::AuditEntry::KIND_OPERATOR_ACTION,
                                     {now, principal, revision.name()}, "revision.activated",
                                     {{"applied_by", revision.applied_by()}}));
  const bool first = partner.partner.state() == v1::PARTNER_STATE_DRAFT;
  if (first) {
    const std::string old_etag = partner.partner.etag();
    POSTERN_RETURN_IF_ERROR(Move(&partner.partner, v1::PARTNER_STATE_ACTIVE, "", now));
    POSTERN_RETURN_IF_ERROR(AppendLeaf(&change.audit_leaves, v1::AuditEntry::KIND_STATE_CHANGE,
                                       {now, principal, partner.partner.name()}, "partner.activated",
                                       {{"from", "DRAFT"}, {"to", "ACTIVE"}}));
    change.partners.push_back({partner, old_etag});
  }
  POSTERN_RETURN_IF_ERROR(Apply(state, plan, now, principal, std::move(change)).status());
  if (first) {
    control_.snapshots->Fence(partner.partner.name())->Open();
    control_.events->Publish(now, "partner.activated", partner.partner.name(), principal);
  }
  return absl::OkStatus();
}

absl::StatusOr<const storage::RevisionRow*> BundleRegistry::FindActivatable(const PolicyState& state,
                                                                            const std::string& name,
                                                                            absl::string_view principal,
                                                                            absl::Time now) {
  const auto found = std::find_if(state.revisions.begin(), state.revisions.end(),
                                  [&name](const storage::RevisionRow& row) { return row.revision.name() == name; });
  if (found == state.revisions.end()) return errors::NotFound(name);
  const v1::ContractRevision& revision = found->revision;
  POSTERN_ASSIGN_OR_RETURN(const storage::PartnerRow partner, ReadPartner(*control_.store, PartnerPart(name)));
  if (Revoked(partner.partner.state())) return errors::PartnerTerminated(partner.partner.name());
  if (revision.state() != v1::ContractRevision::STATE_PENDING) {
    return errors::StateTransition(name, v1::ContractRevision::State_Name(revision.state()), "STATE_ACTIVE");
  }
  if (revision.applied_by() == principal) return errors::SecondPersonRequired(name);
  POSTERN_ASSIGN_OR_RETURN(const v1::Contract contract, ParseContract(revision.source()));
  POSTERN_RETURN_IF_ERROR(CheckInForce(contract, now));
  return &*found;
}

absl::StatusOr<PolicyState> BundleRegistry::ReadState() {
  PolicyState state;
  POSTERN_ASSIGN_OR_RETURN(const std::optional<storage::BundleRow> bundle, control_.store->ReadBundleInForce());
  if (bundle) state.bundle_etag = bundle->bundle.etag();
  POSTERN_ASSIGN_OR_RETURN(state.partners, control_.store->ListPartners());
  for (const storage::PartnerRow& partner : state.partners) {
    POSTERN_ASSIGN_OR_RETURN(std::vector<storage::RevisionRow> rows, control_.store->ListRevisions(partner.id));
    std::move(rows.begin(), rows.end(), std::back_inserter(state.revisions));
  }
  state.in_force = control_.snapshots->policy();
  return state;
}

absl::Status BundleRegistry::KeepForSecondPerson(absl::string_view principal, storage::BundleRow row,
                                                 const PolicyPlan& plan) {
  const absl::Time now = control_.clock();
  row.applied_by = std::string(principal);
  storage::ChangeSet change;
  POSTERN_RETURN_IF_ERROR(AppendLeaf(&change.audit_leaves, v1::AuditEntry::KIND_OPERATOR_ACTION,
                                     {now, principal, row.bundle.name()}, "bundle.pending",
                                     {{"widens", plan.widened.front()}}));
  const std::string name = row.bundle.name();
  change.bundle = std::move(row);
  POSTERN_RETURN_IF_ERROR(control_.store->Apply(change).status());
  control_.events->Publish(now, "bundle.pending", name, principal);
  return absl::OkStatus();
}

absl::StatusOr<bool> BundleRegistry::SecondPerson(absl::string_view digest, absl::string_view principal) {
  POSTERN_ASSIGN_OR_RETURN(const std::optional<storage::BundleRow> waiting, control_.store->ReadBundle(digest));
  return waiting && !waiting->in_force && !waiting->applied_by.empty() && waiting->applied_by != principal;
}

absl::StatusOr<BundleRegistry::Applied> BundleRegistry::Apply(const PolicyState& state, const PolicyPlan& plan,
                                                              const absl::Time now, absl::string_view principal,
                                                              storage::ChangeSet change) {
  for (const auto* rows : {&plan.superseded, &plan.fresh}) {
    for (const storage::RevisionRow& row : *rows) {
      POSTERN_RETURN_IF_ERROR(AppendLeaf(&change.audit_leaves, v1::AuditEntry::KIND_STATE_CHANGE,
                                         {now, principal, row.revision.name()}, "revision",
                                         {{"to", v1::ContractRevision::State_Name(row.revision.state())}}));
      change.revisions.push_back(row);
    }
  }
  Withdrawal withdrawal(&control_, plan.narrowed);
  POSTERN_RETURN_IF_ERROR(withdrawal.Prepare(state.partners, now, &change));
  POSTERN_ASSIGN_OR_RETURN(const storage::AppliedChange applied, control_.store->Apply(change));
  control_.snapshots->Offer(plan.after);
  POSTERN_RETURN_IF_ERROR(control_.snapshots->Rebuild());
  for (const storage::RevisionRow& row : plan.fresh) {
    control_.events->Publish(now, EventOf(row.revision), row.revision.name(), principal);
  }
  return Applied{withdrawal.count(), applied.bundle_etag};
}

}  // namespace postern::registry
