#include "server/revocation/settled_notice.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/crypto/sha256.h"
#include "server/registry/audit_entry.h"
#include "server/registry/errors.h"
#include "server/registry/partner_rows.h"
#include "server/registry/times.h"
#include "server/revocation/campaign.h"
#include "server/revocation/notice.h"

namespace postern::revocation {
namespace {

absl::StatusOr<storage::CampaignRow> ReadCampaign(registry::ControlPlane& control, const storage::NoticeRow& notice) {
  POSTERN_ASSIGN_OR_RETURN(std::optional<storage::CampaignRow> row, control.store->ReadCampaign(notice.campaign));
  if (!row) return registry::errors::StoreInconsistent("a notice without campaign");
  return *std::move(row);
}

storage::HandleOutcomeRow ToRow(const std::string& notice,
                                const v1::DeletionAttestationStatement::HandleOutcome& outcome) {
  storage::HandleOutcomeRow row;
  row.notice = notice;
  std::copy_n(outcome.handle().begin(), std::min(outcome.handle().size(), row.handle.size()), row.handle.begin());
  row.result = outcome.result();
  row.ground = outcome.ground();
  if (outcome.has_until()) row.until = registry::ToTime(outcome.until());
  return row;
}

}  // namespace

absl::StatusOr<storage::NoticeRow> ReadNotice(registry::ControlPlane& control, absl::string_view name,
                                              absl::string_view partner) {
  if (!partner.empty() && registry::PartnerPart(name) != partner) return registry::errors::NotFound(name);
  POSTERN_ASSIGN_OR_RETURN(std::optional<storage::NoticeRow> row, control.store->ReadNotice(name));
  if (!row) return registry::errors::NotFound(name);
  return *std::move(row);
}

absl::Status SettleNotice(registry::ControlPlane& control, const storage::NoticeRow& attested,
                          const v1::DeletionAttestationStatement& statement, absl::string_view principal) {
  POSTERN_ASSIGN_OR_RETURN(storage::CampaignRow row, ReadCampaign(control, attested));
  v1::DeletionCampaign& campaign = row.campaign;
  const std::string& name = attested.notice.name();
  storage::ChangeSet change;
  int64_t deleted = 0, not_found = 0, exempted = 0;
  for (const v1::DeletionAttestationStatement::HandleOutcome& outcome : statement.outcomes()) {
    change.handle_outcomes.push_back(ToRow(name, outcome));
    deleted += outcome.result() == v1::DeletionAttestationStatement::RESULT_DELETED;
    not_found += outcome.result() == v1::DeletionAttestationStatement::RESULT_NOT_FOUND;
    exempted += outcome.result() == v1::DeletionAttestationStatement::RESULT_EXEMPTED;
  }
  campaign.set_attested_count(campaign.attested_count() + 1);
  campaign.set_deleted_count(campaign.deleted_count() + deleted);
  campaign.set_not_found_count(campaign.not_found_count() + not_found);
  campaign.set_exempted_count(campaign.exempted_count() + exempted);
  const absl::Time now = control.clock();
  // Of what the partner signed; of nothing, where it signed a document.
  const crypto::Sha256Digest digest = crypto::Sha256(attested.notice.attestation().payload());
  POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(&change.audit_leaves, v1::AuditEntry::KIND_STATE_CHANGE,
                                               {now, principal, name}, "notice.attested",
                                               {{"state", v1::DeletionNotice::State_Name(attested.notice.state())},
                                                {"deleted", absl::StrCat(deleted)},
                                                {"not_found", absl::StrCat(not_found)},
                                                {"exempted", absl::StrCat(exempted)},
                                                {"digest", absl::BytesToHexString(crypto::AsBytes(digest))}}));
  change.notices.push_back(attested);
  change.campaigns.push_back(row);
  POSTERN_RETURN_IF_ERROR(control.store->Apply(change).status());
  control.events->Publish(now, "notice.attested", name, principal);
  return EndCampaignIfDone(control, attested.campaign);
}

absl::Status RecordRefusal(registry::ControlPlane& control, const storage::NoticeRow& notice,
                           absl::string_view principal, const absl::Status& why) {
  POSTERN_ASSIGN_OR_RETURN(storage::CampaignRow row, ReadCampaign(control, notice));
  row.campaign.set_refused_count(row.campaign.refused_count() + 1);
  const absl::Time now = control.clock();
  const std::string reason = v1::ErrorReason_Name(ReasonOf(why));
  storage::ChangeSet change;
  change.campaigns.push_back(std::move(row));
  POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(&change.audit_leaves, v1::AuditEntry::KIND_REFUSAL,
                                               {now, principal, notice.notice.name()}, "attestation.refused", {},
                                               reason));
  POSTERN_RETURN_IF_ERROR(control.store->Apply(change).status());
  control.events->Publish(now, "attestation.refused", notice.notice.name(), principal, {{"reason", reason}});
  return absl::OkStatus();
}

}  // namespace postern::revocation
