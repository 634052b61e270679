#include "server/revocation/targeted_campaign.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/registry/audit_entry.h"
#include "server/registry/times.h"
#include "server/revocation/due_term.h"

namespace postern::revocation {

absl::StatusOr<v1::DeletionCampaign> AddTargetedCampaign(registry::ControlPlane& control,
                                                         const CampaignOptions& options,
                                                         const storage::PartnerRow& partner,
                                                         v1::DeletionCampaign::Cause cause,
                                                         std::vector<v1::DeletionNoticeStatement::Item> items,
                                                         const crypto::Uuid& id, storage::ChangeSet* change) {
  const absl::Time now = control.clock();
  POSTERN_ASSIGN_OR_RETURN(const absl::Duration term, DueTerm(*control.store, partner.id));
  storage::CampaignRow row;
  row.partner = partner.id;
  v1::DeletionCampaign& campaign = row.campaign;
  campaign.set_name(absl::StrCat(partner.partner.name(), "/deletionCampaigns/", id.ToString()));
  campaign.set_cause(cause);
  campaign.set_state(v1::DeletionCampaign::STATE_OPEN);
  campaign.set_enumeration_done(true);
  registry::SetTime(now, campaign.mutable_create_time());
  registry::SetTime(now + term, campaign.mutable_due_time());
  POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(&change->audit_leaves, v1::AuditEntry::KIND_STATE_CHANGE,
                                               {now, registry::kGatewayPrincipal, campaign.name()}, "campaign.created",
                                               {{"cause", v1::DeletionCampaign::Cause_Name(cause)}}));
  const auto page = static_cast<size_t>(options.handles_a_notice);
  for (size_t first = 0; first < items.size(); first += page) {
    v1::DeletionNoticeStatement statement;
    for (size_t i = first; i < std::min(items.size(), first + page); ++i) {
      *statement.add_items() = std::move(items[i]);
    }
    const int handles = statement.items_size();
    POSTERN_ASSIGN_OR_RETURN(storage::NoticeRow notice,
                             MakeNotice(options, row, partner.partner.name(), now, now + term, std::move(statement)));
    POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(&change->audit_leaves, v1::AuditEntry::KIND_STATE_CHANGE,
                                                 {now, registry::kGatewayPrincipal, notice.notice.name()},
                                                 "notice.issued", {{"handles", absl::StrCat(handles)}}));
    campaign.set_notice_count(campaign.notice_count() + 1);
    campaign.set_handle_count(campaign.handle_count() + handles);
    change->notices.push_back(std::move(notice));
  }
  change->campaigns.push_back(row);
  return campaign;
}

void Announce(registry::ControlPlane& control, const storage::ChangeSet& change) {
  const absl::Time now = control.clock();
  for (const storage::CampaignRow& campaign : change.campaigns) {
    control.events->Publish(now, "campaign.created", campaign.campaign.name(), registry::kGatewayPrincipal);
  }
  for (const storage::NoticeRow& notice : change.notices) {
    control.events->Publish(now, "notice.issued", notice.notice.name(), registry::kGatewayPrincipal);
  }
}

}  // namespace postern::revocation
