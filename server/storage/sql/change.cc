#include "server/storage/sql/change.h"

#include <utility>

#include "proto/errors/error.h"
#include "server/storage/sql/investigations.h"
#include "server/storage/sql/resources.h"
#include "server/storage/sql/retention.h"
#include "server/storage/sql/settle.h"
#include "server/storage/sql/statistics.h"
#include "server/storage/sql/subjects.h"
#include "server/storage/sql/supervision.h"

namespace postern::storage {

absl::Status ApplyIn(WriteScope& scope, const ChangeSet& change, AppliedChange* applied) {
  if (change.expected_bundle_etag) POSTERN_RETURN_IF_ERROR(CheckBundleEtag(scope.db(), *change.expected_bundle_etag));
  for (const ChangeSet::PartnerWrite& write : change.partners) {
    POSTERN_ASSIGN_OR_RETURN(WrittenPartner written, WritePartner(scope, write));
    applied->partner_ids.push_back(written.id);
    applied->partner_etags.push_back(std::move(written.etag));
  }
  POSTERN_RETURN_IF_ERROR(scope.RaiseFences(change.raise_fences));
  if (change.bundle) {
    POSTERN_ASSIGN_OR_RETURN(applied->bundle_etag, WriteBundle(scope, *change.bundle));
  }
  for (const RevisionRow& row : change.revisions) POSTERN_RETURN_IF_ERROR(WriteRevision(scope, row));
  for (const CampaignRow& row : change.campaigns) POSTERN_RETURN_IF_ERROR(WriteCampaign(scope, row));
  for (const NoticeRow& row : change.notices) POSTERN_RETURN_IF_ERROR(WriteNotice(scope, row));
  for (const HandleOutcomeRow& row : change.handle_outcomes) POSTERN_RETURN_IF_ERROR(WriteHandleOutcome(scope, row));
  for (const OrderEventRow& row : change.order_events) {
    POSTERN_RETURN_IF_ERROR(WriteOrderEvent(scope, row));
    POSTERN_RETURN_IF_ERROR(WakeRetentionOrder(scope, row.order));
  }
  for (const RetentionOrderRow& row : change.retention_orders) POSTERN_RETURN_IF_ERROR(WriteRetentionOrder(scope, row));
  if (change.retention_totals) POSTERN_RETURN_IF_ERROR(WriteRetentionTotals(scope, *change.retention_totals));
  for (const SubjectRecordRow& row : change.subject_records) POSTERN_RETURN_IF_ERROR(WriteSubjectRecord(scope, row));
  for (const SubjectRequestRow& row : change.subject_requests) POSTERN_RETURN_IF_ERROR(WriteSubjectRequest(scope, row));
  POSTERN_RETURN_IF_ERROR(WriteStatistics(scope, change.statistics));
  for (const InvestigationRow& row : change.investigations) POSTERN_RETURN_IF_ERROR(WriteInvestigation(scope, row));
  for (const FindingRow& row : change.findings) POSTERN_RETURN_IF_ERROR(WriteFinding(scope, row));
  for (const SeenRow& row : change.seen) POSTERN_RETURN_IF_ERROR(WriteSeen(scope, row));
  for (const ChangeSet::SubmittedResult& result : change.results)
    POSTERN_RETURN_IF_ERROR(SubmitResultIn(scope, result));
  applied->first_leaf = scope.head().tree.size();
  POSTERN_RETURN_IF_ERROR(scope.AppendLeaves(change.audit_leaves));
  for (const SettleBatch& batch : change.settlements) POSTERN_RETURN_IF_ERROR(SettleIn(scope, batch));
  if (change.end_backlog) POSTERN_RETURN_IF_ERROR(EndBacklogIn(scope, *change.end_backlog));
  return absl::OkStatus();
}

}  // namespace postern::storage
