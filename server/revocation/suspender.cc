#include "server/revocation/suspender.h"

#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/registry/audit_entry.h"
#include "server/registry/bundle_plan.h"
#include "server/registry/contract_terms.h"
#include "server/registry/cut.h"
#include "server/registry/errors.h"
#include "server/registry/lifecycle.h"
#include "server/registry/partner_rows.h"
#include "server/revocation/effect.h"
#include "server/revocation/errors.h"

namespace postern::revocation {

absl::StatusOr<v1::SuspendPartnerResponse> Suspender::SuspendPartner(const identity::Principal& caller,
                                                                     const v1::SuspendPartnerRequest& request) {
  POSTERN_RETURN_IF_ERROR(errors::CheckReason(request.reason()));
  return Suspend(caller.name, request);
}

absl::StatusOr<v1::SuspendPartnerResponse> Suspender::SuspendFor(absl::string_view partner, absl::string_view reason) {
  v1::SuspendPartnerRequest request;
  request.set_name(std::string(partner));
  request.set_reason(std::string(reason));
  return Suspend(registry::kGatewayPrincipal, request);
}

absl::StatusOr<v1::SuspendPartnerResponse> Suspender::Suspend(absl::string_view principal,
                                                              const v1::SuspendPartnerRequest& request) {
  absl::MutexLock lock(&control_.mutex);
  POSTERN_ASSIGN_OR_RETURN(storage::PartnerRow row, registry::ReadPartner(*control_.store, request.name()));
  const std::string etag = row.partner.etag();
  const absl::Time now = control_.clock();
  POSTERN_RETURN_IF_ERROR(registry::Move(&row.partner, v1::PARTNER_STATE_SUSPENDED, request.reason(), now));
  v1::SuspendPartnerResponse response;
  if (request.validate_only()) {
    POSTERN_ASSIGN_OR_RETURN(*response.mutable_effect(),
                             ReadEffect(*control_.store, row.id, control_.cutter->LiveStreams(request.name())));
    *response.mutable_partner() = row.partner;
    return response;
  }

  storage::ChangeSet change;
  change.partners.push_back({row, etag});
  change.raise_fences.push_back({storage::FenceScope::Kind::kPartner, request.name()});
  POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(
      &change.audit_leaves, v1::AuditEntry::KIND_STATE_CHANGE, {now, principal, request.name()}, "partner.suspended",
      {{"from", "ACTIVE"}, {"to", "SUSPENDED"}, {"reason", request.reason()}}));
  const absl::StatusOr<storage::AppliedChange> applied = control_.store->Apply(change);
  if (!applied.ok() && !absl::IsUnavailable(applied.status())) return applied.status();
  // Suspended durably, or nobody knows. Whatever else fails, the fence is closed first.
  const absl::Status why = errors::PartnerSuspended(request.name());
  int streams = registry::CloseFence(control_, request.name(), why).live_streams;
  streams += control_.cutter->StopPartner(request.name(), why).live_streams;
  if (!applied.ok()) {
    unknown_.insert(request.name());
    return applied.status();
  }
  row.partner.set_etag(applied->partner_etags.at(0));
  control_.events->Publish(now, "partner.suspended", request.name(), principal, {{"reason", request.reason()}});
  POSTERN_RETURN_IF_ERROR(control_.snapshots->Rebuild());
  POSTERN_ASSIGN_OR_RETURN(*response.mutable_effect(), ReadEffect(*control_.store, row.id, streams));
  *response.mutable_partner() = row.partner;
  return response;
}

absl::Status Suspender::SettleUnknown() {
  absl::MutexLock lock(&control_.mutex);
  absl::Status first;
  for (auto it = unknown_.begin(); it != unknown_.end();) {
    const absl::StatusOr<storage::PartnerRow> row = registry::ReadPartner(*control_.store, *it);
    absl::Status settled = row.status();
    if (settled.ok()) settled = control_.snapshots->Rebuild();
    if (settled.ok() && row->partner.state() == v1::PARTNER_STATE_ACTIVE) {
      control_.snapshots->Fence(*it)->Open();
      control_.cutter->Reload(row->id);
    }
    first.Update(settled);
    it = settled.ok() ? unknown_.erase(it) : std::next(it);
  }
  return first;
}

absl::StatusOr<v1::Partner> Suspender::ResumePartner(const identity::Principal& caller,
                                                     const v1::ResumePartnerRequest& request) {
  absl::MutexLock lock(&control_.mutex);
  POSTERN_ASSIGN_OR_RETURN(storage::PartnerRow row, registry::ReadPartner(*control_.store, request.name()));
  if (request.etag() != row.partner.etag()) return registry::errors::EtagMismatch(request.name());
  const std::string was_suspended_for = row.partner.state_reason();
  const absl::Time now = control_.clock();
  if (row.partner.state() != v1::PARTNER_STATE_SUSPENDED) {
    return registry::errors::StateTransition(request.name(), registry::StateName(row.partner.state()), "ACTIVE");
  }
  POSTERN_RETURN_IF_ERROR(registry::Move(&row.partner, v1::PARTNER_STATE_ACTIVE, "", now));
  POSTERN_ASSIGN_OR_RETURN(const std::vector<v1::Contract> contracts,
                           registry::ReadActiveContracts(*control_.store, row.id));
  if (contracts.empty()) return registry::errors::ContractNotInForce(request.name(), "has no contract");
  for (const v1::Contract& contract : contracts) POSTERN_RETURN_IF_ERROR(registry::CheckInForce(contract, now));

  POSTERN_ASSIGN_OR_RETURN(const v1::RevocationEffect waiting, ReadEffect(*control_.store, row.id, 0));
  storage::ChangeSet change;
  change.partners.push_back({row, request.etag()});
  POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(
      &change.audit_leaves, v1::AuditEntry::KIND_STATE_CHANGE, {now, caller.name, request.name()}, "partner.resumed",
      {{"from", "SUSPENDED"}, {"to", "ACTIVE"}, {"reason", was_suspended_for}}));
  // What waited was authorised before the suspension; narrowings during it have withdrawn their part already.
  POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(
      &change.audit_leaves, v1::AuditEntry::KIND_OPERATOR_ACTION, {now, caller.name, request.name()},
      "backlog.reauthorised", {{"count", absl::StrCat(waiting.undelivered_count() + waiting.possibly_held_count())}}));
  POSTERN_ASSIGN_OR_RETURN(const storage::AppliedChange applied, control_.store->Apply(change));
  row.partner.set_etag(applied.partner_etags.at(0));
  POSTERN_RETURN_IF_ERROR(control_.snapshots->Rebuild());
  control_.snapshots->Fence(request.name())->Open();
  control_.cutter->Reload(row.id);
  control_.events->Publish(now, "partner.resumed", request.name(), caller.name);
  return row.partner;
}

}  // namespace postern::revocation
