#include "server/revocation/renotification.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/registry/audit_entry.h"
#include "server/registry/partner_rows.h"
#include "server/registry/times.h"
#include "server/revocation/due_term.h"

namespace postern::revocation {
namespace {

constexpr int kNoticesARead = 16;

struct Kept {
  v1::DeletionNoticeStatement::Item item;
  absl::Time until;
};

// Everything that the last notice which names it left exempted.
absl::StatusOr<absl::flat_hash_map<std::string, Kept>> ReadKept(storage::Store& store,
                                                                const storage::CampaignRow& campaign) {
  absl::flat_hash_map<std::string, Kept> kept;
  for (int64_t after = 0;;) {
    POSTERN_ASSIGN_OR_RETURN(
        const std::vector<storage::NoticeRow> notices,
        store.ListNotices(campaign.partner, campaign.campaign.name(), after, kNoticesARead, false));
    if (notices.empty()) return kept;
    after = notices.back().row;
    for (const storage::NoticeRow& notice : notices) {
      POSTERN_ASSIGN_OR_RETURN(const v1::DeletionNoticeStatement statement, StatementOf(notice.notice));
      POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::HandleOutcomeRow> outcomes,
                               store.ListHandleOutcomes(notice.notice.name()));
      absl::flat_hash_map<std::string, absl::Time> exempted;
      for (const storage::HandleOutcomeRow& outcome : outcomes) {
        if (outcome.result != v1::DeletionAttestationStatement::RESULT_EXEMPTED || !outcome.until) continue;
        exempted.emplace(std::string(outcome.handle.begin(), outcome.handle.end()), *outcome.until);
      }
      for (const v1::DeletionNoticeStatement::Item& item : statement.items()) {
        const auto until = exempted.find(item.handle());
        if (until == exempted.end()) {
          kept.erase(item.handle());
        } else {
          kept[item.handle()] = {item, until->second};
        }
      }
    }
  }
}

// New notices for `ended`, at most options.handles_a_notice a piece.
absl::Status Renotify(registry::ControlPlane& control, const CampaignOptions& options, storage::CampaignRow row,
                      const std::vector<v1::DeletionNoticeStatement::Item>& ended, absl::Time now) {
  v1::DeletionCampaign& campaign = row.campaign;
  POSTERN_ASSIGN_OR_RETURN(const absl::Duration term, DueTerm(*control.store, row.partner));
  storage::ChangeSet change;
  for (size_t first = 0; first < ended.size(); first += static_cast<size_t>(options.handles_a_notice)) {
    v1::DeletionNoticeStatement statement;
    const size_t end = std::min(ended.size(), first + static_cast<size_t>(options.handles_a_notice));
    for (size_t i = first; i < end; ++i) *statement.add_items() = ended[i];
    POSTERN_ASSIGN_OR_RETURN(storage::NoticeRow notice, MakeNotice(options, row, registry::PartnerPart(campaign.name()),
                                                                   now, now + term, std::move(statement)));
    POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(&change.audit_leaves, v1::AuditEntry::KIND_STATE_CHANGE,
                                                 {now, registry::kGatewayPrincipal, notice.notice.name()},
                                                 "notice.issued",
                                                 {{"handles", absl::StrCat(end - first)},
                                                  {"cause", "exemption_ended"},
                                                  {"digest", absl::BytesToHexString(notice.notice.digest())}}));
    change.notices.push_back(std::move(notice));
    campaign.set_notice_count(campaign.notice_count() + 1);
  }
  campaign.set_state(v1::DeletionCampaign::STATE_OPEN);
  campaign.set_exempted_count(campaign.exempted_count() - static_cast<int64_t>(ended.size()));
  registry::SetTime(now + term, campaign.mutable_due_time());
  change.campaigns.push_back(std::move(row));
  POSTERN_RETURN_IF_ERROR(control.store->Apply(change).status());
  for (const storage::NoticeRow& notice : change.notices) {
    control.events->Publish(now, "notice.issued", notice.notice.name(), registry::kGatewayPrincipal);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int64_t> RenotifyEndedExemptions(registry::ControlPlane& control, const CampaignOptions& options) {
  absl::MutexLock lock(&control.mutex);
  const absl::Time now = control.clock();
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::CampaignRow> rows, control.store->ListCampaigns(std::nullopt));
  int64_t handles = 0;
  for (const storage::CampaignRow& row : rows) {
    if (row.campaign.state() != v1::DeletionCampaign::STATE_EXEMPTED) continue;
    POSTERN_ASSIGN_OR_RETURN(const auto kept, ReadKept(*control.store, row));
    std::vector<v1::DeletionNoticeStatement::Item> ended;
    for (const auto& [handle, what] : kept) {
      if (what.until <= now) ended.push_back(what.item);
    }
    if (ended.empty()) continue;
    handles += static_cast<int64_t>(ended.size());
    POSTERN_RETURN_IF_ERROR(Renotify(control, options, row, ended, now));
  }
  return handles;
}

}  // namespace postern::revocation
