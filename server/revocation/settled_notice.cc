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

// Outcomes of one answer.
struct Counts {
  int64_t deleted = 0;
  int64_t not_found = 0;
  int64_t exempted = 0;

  void Add(const EarlierAnswer::Outcome& outcome) {
    deleted += outcome.result() == v1::DeletionAttestationStatement::RESULT_DELETED;
    not_found += outcome.result() == v1::DeletionAttestationStatement::RESULT_NOT_FOUND;
    exempted += outcome.result() == v1::DeletionAttestationStatement::RESULT_EXEMPTED;
  }
};

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
                          const v1::DeletionAttestationStatement& statement,
                          const std::optional<EarlierAnswer>& earlier, absl::string_view principal) {
  POSTERN_ASSIGN_OR_RETURN(storage::CampaignRow row, ReadCampaign(control, attested));
  v1::DeletionCampaign& campaign = row.campaign;
  const std::string& name = attested.notice.name();
  storage::ChangeSet change;
  Counts said;
  Counts before;
  for (const EarlierAnswer::Outcome& outcome : statement.outcomes()) {
    said.Add(outcome);
    const EarlierAnswer::Outcome* old = earlier ? earlier->Find(outcome.handle()) : nullptr;
    if (old != nullptr) before.Add(*old);
    if (old == nullptr || !SameOutcome(*old, outcome)) change.handle_outcomes.push_back(ToRow(name, outcome));
  }
  if (!earlier) campaign.set_attested_count(campaign.attested_count() + 1);
  campaign.set_deleted_count(campaign.deleted_count() + said.deleted - before.deleted);
  campaign.set_not_found_count(campaign.not_found_count() + said.not_found - before.not_found);
  campaign.set_exempted_count(campaign.exempted_count() + said.exempted - before.exempted);
  const absl::Time now = control.clock();
  const absl::string_view action = earlier ? "notice.amended" : "notice.attested";
  // Of what the partner signed; of nothing, where it signed a document.
  const crypto::Sha256Digest digest = crypto::Sha256(attested.notice.attestation().payload());
  POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(&change.audit_leaves, v1::AuditEntry::KIND_STATE_CHANGE,
                                               {now, principal, name}, action,
                                               {{"state", v1::DeletionNotice::State_Name(attested.notice.state())},
                                                {"deleted", absl::StrCat(said.deleted)},
                                                {"not_found", absl::StrCat(said.not_found)},
                                                {"exempted", absl::StrCat(said.exempted)},
                                                {"digest", absl::BytesToHexString(crypto::AsBytes(digest))}}));
  change.notices.push_back(attested);
  change.campaigns.push_back(row);
  POSTERN_RETURN_IF_ERROR(control.store->Apply(change).status());
  control.events->Publish(now, action, name, principal);
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
