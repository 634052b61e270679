#include "server/revocation/campaign.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/base/failpoint.h"
#include "server/registry/audit_entry.h"
#include "server/registry/errors.h"
#include "server/registry/lifecycle.h"
#include "server/registry/partner_keys.h"
#include "server/registry/partner_rows.h"
#include "server/registry/times.h"

namespace postern::revocation {
namespace {

constexpr int kRowsARead = 1000;
constexpr int kNoticesARead = 16;

bool Open(const v1::DeletionCampaign& campaign) {
  return campaign.state() == v1::DeletionCampaign::STATE_ENUMERATING ||
         campaign.state() == v1::DeletionCampaign::STATE_OPEN;
}

absl::StatusOr<storage::CampaignRow> ReadCampaign(registry::ControlPlane& control, absl::string_view name) {
  POSTERN_ASSIGN_OR_RETURN(std::optional<storage::CampaignRow> row, control.store->ReadCampaign(name));
  if (!row) return registry::errors::NotFound(name);
  return *std::move(row);
}

// The partner's row if the end of `ending` is the end of its termination.
absl::StatusOr<std::optional<storage::PartnerRow>> PartnerToEnd(registry::ControlPlane& control,
                                                                const storage::CampaignRow& ending) {
  POSTERN_ASSIGN_OR_RETURN(storage::PartnerRow row,
                           registry::ReadPartner(*control.store, registry::PartnerPart(ending.campaign.name())));
  if (row.partner.state() != v1::PARTNER_STATE_TERMINATING) return std::nullopt;
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::CampaignRow> campaigns,
                           control.store->ListCampaigns(ending.partner));
  for (const storage::CampaignRow& other : campaigns) {
    if (other.campaign.name() != ending.campaign.name() && Open(other.campaign)) return std::nullopt;
  }
  return row;
}

// Dead since the termination, unless destroying them failed then: no partner is TERMINATED while a record can be
// opened.
absl::Status DestroyRecordKeys(registry::ControlPlane& control, const storage::PartnerRow& row) {
  POSTERN_ASSIGN_OR_RETURN(const crypto::KeyId epoch_key, registry::KeyIdOf(row.epoch_key));
  POSTERN_ASSIGN_OR_RETURN(const crypto::KeyId pseudonym_key, registry::KeyIdOf(row.pseudonym_key));
  return control.keys->Shred({epoch_key, pseudonym_key}, control.clock());
}

// Handles are in the ledger and in the notices; once nothing is left to ask the partner for, nobody needs to make or
// recognise one any more.
absl::Status DestroyHandleKey(registry::ControlPlane& control, const storage::CampaignRow& ending) {
  POSTERN_ASSIGN_OR_RETURN(const storage::PartnerRow row,
                           registry::ReadPartner(*control.store, registry::PartnerPart(ending.campaign.name())));
  if (!registry::Revoked(row.partner.state())) return absl::OkStatus();
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::CampaignRow> campaigns,
                           control.store->ListCampaigns(ending.partner));
  for (const storage::CampaignRow& other : campaigns) {
    const bool closed = other.campaign.state() == v1::DeletionCampaign::STATE_CLOSED;
    if (other.campaign.name() != ending.campaign.name() && !closed) return absl::OkStatus();
  }
  POSTERN_ASSIGN_OR_RETURN(const crypto::KeyId key, registry::KeyIdOf(row.handle_key));
  return control.keys->Shred({key}, control.clock());
}

}  // namespace

struct NoticeWriter::Page {
  v1::DeletionNoticeStatement statement;  // its items
  absl::flat_hash_set<HandleKey> handles;
  int64_t last_seq = 0;
  bool end = false;
};

absl::StatusOr<bool> NoticeWriter::WriteNext() {
  // Progress is this writer's alone and held records do not change, so the long reads need no lock.
  POSTERN_ASSIGN_OR_RETURN(const storage::CampaignRow progress, ReadCampaign(control_, campaign_));
  if (progress.campaign.enumeration_done()) return false;
  POSTERN_RETURN_IF_ERROR(Recover(progress));
  POSTERN_ASSIGN_OR_RETURN(Page page, CollectPage(progress));
  POSTERN_FAILPOINT("campaign.collected");

  absl::MutexLock lock(&control_.mutex);
  // Again: answers to notices that are out already change the counts.
  POSTERN_ASSIGN_OR_RETURN(storage::CampaignRow row, ReadCampaign(control_, campaign_));
  v1::DeletionCampaign& campaign = row.campaign;
  const absl::Time now = control_.clock();
  const int handles = page.statement.items_size();
  storage::ChangeSet change;
  if (handles > 0) {
    POSTERN_ASSIGN_OR_RETURN(storage::NoticeRow notice,
                             MakeNotice(options_, row, registry::PartnerPart(campaign_), now,
                                        registry::ToTime(campaign.due_time()), std::move(page.statement)));
    POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(
        &change.audit_leaves, v1::AuditEntry::KIND_STATE_CHANGE,
        {now, registry::kGatewayPrincipal, notice.notice.name()}, "notice.issued",
        {{"handles", absl::StrCat(handles)}, {"digest", absl::BytesToHexString(notice.notice.digest())}}));
    change.notices.push_back(std::move(notice));
    campaign.set_notice_count(campaign.notice_count() + 1);
    campaign.set_handle_count(campaign.handle_count() + handles);
  }
  row.enumerated = std::max(row.enumerated, page.last_seq);
  if (page.end) {
    campaign.set_enumeration_done(true);
    campaign.set_state(v1::DeletionCampaign::STATE_OPEN);
    POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(
        &change.audit_leaves, v1::AuditEntry::KIND_STATE_CHANGE, {now, registry::kGatewayPrincipal, campaign_},
        "campaign.enumerated",
        {{"handles", absl::StrCat(campaign.handle_count())}, {"notices", absl::StrCat(campaign.notice_count())}}));
  }
  change.campaigns.push_back(row);
  POSTERN_RETURN_IF_ERROR(control_.store->Apply(change).status());
  noticed_.insert(page.handles.begin(), page.handles.end());
  for (const storage::NoticeRow& notice : change.notices) {
    control_.events->Publish(now, "notice.issued", notice.notice.name(), registry::kGatewayPrincipal);
  }
  if (page.end) POSTERN_RETURN_IF_ERROR(EndCampaignIfDone(control_, campaign_));
  return !page.end;
}

absl::Status NoticeWriter::Recover(const storage::CampaignRow& row) {
  if (recovered_) return absl::OkStatus();
  noticed_.clear();
  for (int64_t after = 0;;) {
    POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::NoticeRow> notices,
                             control_.store->ListNotices(row.partner, campaign_, after, kNoticesARead, false));
    if (notices.empty()) break;
    after = notices.back().row;
    for (const storage::NoticeRow& notice : notices) {
      POSTERN_ASSIGN_OR_RETURN(const v1::DeletionNoticeStatement statement, StatementOf(notice.notice));
      for (const v1::DeletionNoticeStatement::Item& item : statement.items()) noticed_.insert(KeyOf(item.handle()));
    }
  }
  recovered_ = true;
  return absl::OkStatus();
}

absl::StatusOr<NoticeWriter::Page> NoticeWriter::CollectPage(const storage::CampaignRow& row) {
  Page page;
  page.last_seq = row.enumerated;
  while (page.statement.items_size() < options_.handles_a_notice) {
    POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::DisclosureRow> held,
                             control_.store->ListHeld(row.partner, page.last_seq, row.enumerate_to, kRowsARead));
    if (held.empty()) {
      page.end = true;
      break;
    }
    for (const storage::DisclosureRow& disclosure : held) {
      if (page.statement.items_size() == options_.handles_a_notice) break;
      page.last_seq = disclosure.seq;
      const absl::string_view handle(reinterpret_cast<const char*>(disclosure.handle.data()), disclosure.handle.size());
      const HandleKey key = KeyOf(handle);
      // Versions of one record share a handle.
      if (noticed_.contains(key) || !page.handles.insert(key).second) continue;
      POSTERN_ASSIGN_OR_RETURN(const storage::GrantRef grant, Grant(disclosure.grant));
      v1::DeletionNoticeStatement::Item& item = *page.statement.add_items();
      item.set_handle(std::string(handle));
      item.set_purpose(grant.purpose);
      item.set_record_type(grant.record_type);
      item.set_locator_path(grant.locator_path);
    }
  }
  return page;
}

absl::StatusOr<storage::GrantRef> NoticeWriter::Grant(storage::GrantId id) {
  const auto it = grants_.find(id);
  if (it != grants_.end()) return it->second;
  POSTERN_ASSIGN_OR_RETURN(storage::GrantRef ref, control_.store->ReadGrant(id));
  return grants_.emplace(id, std::move(ref)).first->second;
}

NoticeWriter::HandleKey NoticeWriter::KeyOf(absl::string_view handle) {
  HandleKey key{};
  std::memcpy(key.data(), handle.data(), std::min(handle.size(), key.size()));
  return key;
}

absl::Status EndCampaignIfDone(registry::ControlPlane& control, absl::string_view name) {
  POSTERN_ASSIGN_OR_RETURN(storage::CampaignRow row, ReadCampaign(control, name));
  v1::DeletionCampaign& campaign = row.campaign;
  const bool kept = campaign.exempted_count() > 0;
  const bool amended = campaign.state() == v1::DeletionCampaign::STATE_EXEMPTED && !kept;
  if (campaign.state() != v1::DeletionCampaign::STATE_OPEN && !amended) return absl::OkStatus();
  if (campaign.attested_count() < campaign.notice_count()) return absl::OkStatus();
  const absl::Time now = control.clock();
  const registry::Act act{now, registry::kGatewayPrincipal, name};
  storage::ChangeSet change;
  if (kept) {
    campaign.set_state(v1::DeletionCampaign::STATE_EXEMPTED);
  } else {
    // Before the campaign says so: after a crash in between this runs again and finds the key gone.
    POSTERN_RETURN_IF_ERROR(DestroyHandleKey(control, row));
    campaign.set_state(v1::DeletionCampaign::STATE_CLOSED);
    registry::SetTime(now, campaign.mutable_close_time());
  }
  campaign.set_overdue(false);
  change.campaigns.push_back(row);
  const absl::string_view what = kept ? "campaign.exempted" : "campaign.closed";
  POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(&change.audit_leaves, v1::AuditEntry::KIND_STATE_CHANGE, act, what));
  POSTERN_ASSIGN_OR_RETURN(std::optional<storage::PartnerRow> partner, PartnerToEnd(control, row));
  if (partner) {
    POSTERN_RETURN_IF_ERROR(DestroyRecordKeys(control, *partner));
    const std::string etag = partner->partner.etag();
    const std::string reason = partner->partner.state_reason();
    POSTERN_RETURN_IF_ERROR(registry::Move(&partner->partner, v1::PARTNER_STATE_TERMINATED, reason, now));
    POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(&change.audit_leaves, v1::AuditEntry::KIND_STATE_CHANGE,
                                                 {now, registry::kGatewayPrincipal, partner->partner.name()},
                                                 "partner.terminated",
                                                 {{"from", "TERMINATING"}, {"to", "TERMINATED"}}));
    change.partners.push_back({*partner, etag});
  }
  POSTERN_RETURN_IF_ERROR(control.store->Apply(change).status());
  POSTERN_RETURN_IF_ERROR(control.snapshots->Rebuild());
  control.events->Publish(now, what, name, registry::kGatewayPrincipal);
  if (partner) {
    control.events->Publish(now, "partner.terminated", partner->partner.name(), registry::kGatewayPrincipal);
  }
  return absl::OkStatus();
}

absl::StatusOr<int> FlagOverdueCampaigns(registry::ControlPlane& control) {
  absl::MutexLock lock(&control.mutex);
  const absl::Time now = control.clock();
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::CampaignRow> rows, control.store->ListCampaigns(std::nullopt));
  storage::ChangeSet change;
  for (storage::CampaignRow row : rows) {
    if (!Open(row.campaign) || row.campaign.overdue() || registry::ToTime(row.campaign.due_time()) > now) continue;
    row.campaign.set_overdue(true);
    POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(
        &change.audit_leaves, v1::AuditEntry::KIND_STATE_CHANGE,
        {now, registry::kGatewayPrincipal, row.campaign.name()}, "campaign.overdue",
        {{"open_notices", absl::StrCat(row.campaign.notice_count() - row.campaign.attested_count())}}));
    change.campaigns.push_back(std::move(row));
  }
  if (change.campaigns.empty()) return 0;
  POSTERN_RETURN_IF_ERROR(control.store->Apply(change).status());
  for (const storage::CampaignRow& row : change.campaigns) {
    control.events->Publish(now, "campaign.overdue", row.campaign.name(), registry::kGatewayPrincipal);
  }
  return static_cast<int>(change.campaigns.size());
}

}  // namespace postern::revocation
