#include "server/revocation/terminator.h"

#include <iterator>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/base/failpoint.h"
#include "server/registry/audit_entry.h"
#include "server/registry/cut.h"
#include "server/registry/errors.h"
#include "server/registry/lifecycle.h"
#include "server/registry/partner_keys.h"
#include "server/registry/partner_rows.h"
#include "server/registry/times.h"
#include "server/revocation/due_term.h"
#include "server/revocation/effect.h"
#include "server/revocation/errors.h"

namespace postern::revocation {
namespace {

// At most: records of one handle go into one item of a notice, and how many are is known only after enumeration.
void SetHandleCount(v1::RevocationEffect* effect) {
  effect->set_handle_count(effect->delivered_count() + effect->possibly_held_count());
}

}  // namespace

struct Terminator::Request {
  absl::string_view principal;
  v1::TerminatePartnerRequest request;
  bool checked = false;  // the gateway's own: needs neither etag nor confirmation
  // False only where a test wants to see that a termination without a fence is found out.
  bool fence = true;
};

absl::StatusOr<v1::TerminatePartnerResponse> Terminator::TerminatePartner(const identity::Principal& caller,
                                                                          const v1::TerminatePartnerRequest& request) {
  POSTERN_RETURN_IF_ERROR(errors::CheckReason(request.reason()));
  return Terminate({caller.name, request, false, !base::FailpointSkips("fence.skip")});
}

absl::StatusOr<v1::TerminatePartnerResponse> Terminator::TerminateFor(absl::string_view partner,
                                                                      absl::string_view reason) {
  Request request{registry::kGatewayPrincipal, {}, true};
  request.request.set_name(std::string(partner));
  request.request.set_reason(std::string(reason));
  return Terminate(request);
}

absl::StatusOr<v1::TerminatePartnerResponse> Terminator::Terminate(const Request& request) {
  const v1::TerminatePartnerRequest& asked = request.request;
  absl::MutexLock lock(&control_.mutex);
  POSTERN_ASSIGN_OR_RETURN(storage::PartnerRow row, registry::ReadPartner(*control_.store, asked.name()));
  if (!request.checked && asked.etag() != row.partner.etag()) return registry::errors::EtagMismatch(asked.name());
  if (!registry::CanMove(row.partner.state(), v1::PARTNER_STATE_TERMINATING)) {
    return registry::errors::StateTransition(asked.name(), registry::StateName(row.partner.state()), "TERMINATING");
  }
  v1::TerminatePartnerResponse response;
  if (asked.validate_only()) {
    *response.mutable_partner() = row.partner;
    POSTERN_ASSIGN_OR_RETURN(*response.mutable_effect(),
                             ReadEffect(*control_.store, row.id, control_.cutter->LiveStreams(asked.name())));
    SetHandleCount(response.mutable_effect());
    return response;
  }
  if (!request.checked && asked.confirm() != asked.name()) return errors::ConfirmationRequired(asked.name());

  // 1. Durable before anything is done: whoever starts after a crash sees TERMINATING and does the rest.
  // model: terminate
  absl::StatusOr<storage::CampaignRow> committed = Commit(request, &row);
  if (!committed.ok()) {
    if (request.fence && absl::IsUnavailable(committed.status())) CloseUnknown(asked.name());
    return committed.status();
  }
  const storage::CampaignRow campaign = *std::move(committed);
  POSTERN_FAILPOINT("terminate.committed");
  // 2., 3. Nothing more leaves, and what is stored for the partner is dead (model: close).
  int streams = 0;
  if (request.fence) {
    absl::StatusOr<int> cut = Cut(row);
    if (!cut.ok()) {
      unfinished_.insert(asked.name());
      campaigns_.Wake();
      return cut.status();
    }
    streams = *cut;
  }
  // 4. Replicas: the store is locked by this process, so no other gateway serves the partner and none is waited
  // for (model: await).
  // 5. What it came to.
  POSTERN_ASSIGN_OR_RETURN(*response.mutable_effect(), ReadEffect(*control_.store, row.id, streams));
  SetHandleCount(response.mutable_effect());
  *response.mutable_partner() = row.partner;
  *response.mutable_campaign() = campaign.campaign;
  campaigns_.Wake();
  return response;
}

absl::StatusOr<storage::CampaignRow> Terminator::Commit(const Request& request, storage::PartnerRow* row) {
  const std::string name = row->partner.name();
  const std::string etag = row->partner.etag();
  const std::string from(registry::StateName(row->partner.state()));
  const absl::Time now = control_.clock();
  POSTERN_RETURN_IF_ERROR(registry::Move(&row->partner, v1::PARTNER_STATE_TERMINATING, request.request.reason(), now));
  row->partner.set_epoch(row->partner.epoch() + 1);

  POSTERN_ASSIGN_OR_RETURN(const absl::Duration term, DueTerm(*control_.store, row->id));
  POSTERN_ASSIGN_OR_RETURN(const crypto::Uuid id, ids_.Next(now));
  storage::CampaignRow campaign;
  campaign.partner = row->id;
  // The fence that this change raises refuses every later commit for the partner: there is nothing above to leave out.
  campaign.enumerate_to = std::numeric_limits<int64_t>::max();
  campaign.campaign.set_name(absl::StrCat(name, "/deletionCampaigns/", id.ToString()));
  campaign.campaign.set_cause(v1::DeletionCampaign::CAUSE_TERMINATION);
  campaign.campaign.set_state(v1::DeletionCampaign::STATE_ENUMERATING);
  registry::SetTime(now, campaign.campaign.mutable_create_time());
  registry::SetTime(now + term, campaign.campaign.mutable_due_time());

  storage::ChangeSet change;
  change.partners.push_back({*row, etag});
  change.raise_fences.push_back({storage::FenceScope::Kind::kPartner, name});
  change.campaigns.push_back(campaign);
  if (request.fence) {
    change.end_backlog = {row->id, v1::ErrorReason_Name(v1::ERROR_REASON_PARTNER_TERMINATED), now};
  }
  const registry::Act act{now, request.principal, name};
  POSTERN_RETURN_IF_ERROR(
      registry::AppendLeaf(&change.audit_leaves, v1::AuditEntry::KIND_STATE_CHANGE, act, "partner.terminating",
                           {{"from", from}, {"to", "TERMINATING"}, {"reason", request.request.reason()}}));
  POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(&change.audit_leaves, v1::AuditEntry::KIND_STATE_CHANGE,
                                               {now, request.principal, campaign.campaign.name()}, "campaign.created",
                                               {{"cause", "TERMINATION"}}));
  POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(&change.audit_leaves, v1::AuditEntry::KIND_SETTLEMENT, act,
                                               "backlog.ended", {},
                                               v1::ErrorReason_Name(v1::ERROR_REASON_PARTNER_TERMINATED)));
  POSTERN_ASSIGN_OR_RETURN(const storage::AppliedChange applied, control_.store->Apply(change));
  row->partner.set_etag(applied.partner_etags.at(0));
  control_.events->Publish(now, "partner.terminating", name, request.principal, {{"reason", request.request.reason()}});
  return campaign;
}

absl::StatusOr<int> Terminator::Cut(const storage::PartnerRow& row) {
  const std::string& name = row.partner.name();
  const absl::Status why = registry::errors::PartnerTerminated(name);
  // From here on no write to the partner starts.
  int streams = registry::CloseFence(control_, name, why).live_streams;
  POSTERN_FAILPOINT("terminate.fenced");
  const absl::Status destroyed = Destroy(row);
  // Writes that started before are called back where they still can be, whether or not the keys could be destroyed.
  streams += control_.cutter->StopPartner(name, why).live_streams;
  control_.connections->AbortPartner(name);
  // Likewise: no order is resolved any more for a partner that lost its grants.
  const absl::Status rebuilt = control_.snapshots->Rebuild();
  POSTERN_RETURN_IF_ERROR(destroyed);
  POSTERN_RETURN_IF_ERROR(rebuilt);
  return streams;
}

absl::Status Terminator::Destroy(const storage::PartnerRow& row) {
  POSTERN_ASSIGN_OR_RETURN(const crypto::KeyId epoch_key, registry::KeyIdOf(row.epoch_key));
  POSTERN_ASSIGN_OR_RETURN(const crypto::KeyId pseudonym_key, registry::KeyIdOf(row.pseudonym_key));
  POSTERN_RETURN_IF_ERROR(control_.keys->Shred({epoch_key, pseudonym_key}, control_.clock()));
  control_.store->RequestScrub();
  POSTERN_FAILPOINT("terminate.shredded");
  return absl::OkStatus();
}

absl::Status Terminator::ResumeTerminations() {
  absl::MutexLock lock(&control_.mutex);
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::PartnerRow> rows, control_.store->ListPartners());
  for (const storage::PartnerRow& row : rows) {
    if (row.partner.state() != v1::PARTNER_STATE_TERMINATING) continue;
    // Every step is idempotent, so it does not matter how far the crash let it come.
    POSTERN_RETURN_IF_ERROR(Cut(row).status());
  }
  campaigns_.Wake();
  return absl::OkStatus();
}

void Terminator::CloseUnknown(const std::string& name) {
  const absl::Status why = registry::errors::PartnerTerminated(name);
  registry::CloseFence(control_, name, why);
  control_.cutter->StopPartner(name, why);
  control_.connections->AbortPartner(name);
  unfinished_.insert(name);
}

absl::Status Terminator::Finish(const std::string& name) {
  POSTERN_ASSIGN_OR_RETURN(const storage::PartnerRow row, registry::ReadPartner(*control_.store, name));
  if (registry::Revoked(row.partner.state())) return Cut(row).status();
  // The store never had the termination, so the partner goes on.
  POSTERN_RETURN_IF_ERROR(control_.snapshots->Rebuild());
  if (row.partner.state() == v1::PARTNER_STATE_ACTIVE) {
    control_.snapshots->Fence(name)->Open();
    control_.cutter->Reload(row.id);
  }
  return absl::OkStatus();
}

absl::Status Terminator::FinishCuts() {
  absl::MutexLock lock(&control_.mutex);
  absl::Status first;
  for (auto it = unfinished_.begin(); it != unfinished_.end();) {
    const absl::Status finished = Finish(*it);
    first.Update(finished);
    it = finished.ok() ? unfinished_.erase(it) : std::next(it);
  }
  return first;
}

}  // namespace postern::revocation
