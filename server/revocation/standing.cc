#include "server/revocation/standing.h"

#include <set>
#include <string>
#include <vector>

#include "proto/errors/error.h"
#include "server/registry/errors.h"
#include "server/registry/queue_channel.h"

namespace postern::revocation {
namespace {

void AddGrant(const registry::ActiveGrant& active, v1::GetStandingResponse* response) {
  v1::GetStandingResponse::GrantView& view = *response->add_grants();
  view.set_purpose(active.grant->purpose);
  view.set_record_type(active.grant->record_type);
  view.set_contract_revision(active.contract_revision);
  const std::vector<std::string>& granted = active.grant->plan->granted_paths();
  *view.mutable_granted_paths() = {granted.begin(), granted.end()};
  const std::set<std::string> in_grant(granted.begin(), granted.end());
  for (const std::string& path : active.grant->plan->withheld_paths()) {
    v1::GetStandingResponse::FieldView& field = *view.add_withheld();
    field.set_path(path);
    field.set_visibility(in_grant.contains(path) ? v1::GetStandingResponse::VISIBILITY_WITHHELD_BY_POLICY
                                                 : v1::GetStandingResponse::VISIBILITY_NOT_GRANTED);
  }
}

}  // namespace

absl::StatusOr<v1::GetStandingResponse> GetStanding(registry::ControlPlane& control,
                                                    const identity::Principal& caller) {
  const std::shared_ptr<const registry::Snapshot> snapshot = control.snapshots->Get();
  const registry::PartnerView* partner = snapshot->FindPartner(caller.partner);
  if (partner == nullptr) return registry::errors::PartnerUnknown(caller.partner);
  v1::GetStandingResponse response;
  response.set_partner(partner->resource.name());
  response.set_state(partner->resource.state());
  for (const registry::ActiveGrant& grant : partner->grants) AddGrant(grant, &response);
  response.set_max_unacknowledged(registry::QueueWindow(*partner));
  POSTERN_ASSIGN_OR_RETURN(const storage::Store::BacklogCounts counts, control.store->CountBacklog(partner->id));
  response.set_pending_count(counts.possibly_held + counts.undelivered);
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::CampaignRow> campaigns,
                           control.store->ListCampaigns(partner->id));
  int64_t open = 0;
  for (const storage::CampaignRow& row : campaigns) open += row.campaign.notice_count() - row.campaign.attested_count();
  response.set_open_notice_count(open);
  return response;
}

}  // namespace postern::revocation
