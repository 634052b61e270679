#include "server/registry/withdrawal.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/registry/audit_entry.h"
#include "server/registry/cut.h"
#include "server/registry/errors.h"
#include "server/registry/partner_rows.h"

namespace postern::registry {
namespace {

constexpr int kPageRecords = 1000;
constexpr int64_t kPageBytes = 8 << 20;

}  // namespace

Withdrawal::~Withdrawal() {
  // After a change that failed the snapshot is older than the raised fences, and nothing could be committed under it.
  if (control_.snapshots->Get()->fence_version < raised_to_) control_.snapshots->Rebuild().IgnoreError();
  for (const Paused& paused : paused_) {
    if (!paused.was_open) continue;
    paused.fence->Open();
    control_.cutter->Reload(paused.id);
  }
}

absl::Status Withdrawal::Prepare(const std::vector<storage::PartnerRow>& partners, absl::Time now,
                                 storage::ChangeSet* change) {
  std::vector<const storage::PartnerRow*> affected;
  storage::ChangeSet raise;
  for (const storage::PartnerRow& row : partners) {
    const bool narrowed = std::any_of(narrowed_.begin(), narrowed_.end(), [&](const GrantKey& key) {
      return PartnerPart(key.contract) == row.partner.name();
    });
    if (!narrowed) continue;
    affected.push_back(&row);
    raise.raise_fences.push_back({storage::FenceScope::Kind::kPartner, row.partner.name()});
  }
  if (affected.empty()) return absl::OkStatus();

  // On its own and first: what the backlog is read from below must not grow by a commit that resolved the old grants.
  // No snapshot is made here: one with the raised fences and the old grants would let such a commit through.
  POSTERN_ASSIGN_OR_RETURN(const storage::AppliedChange raised, control_.store->Apply(raise));
  raised_to_ = raised.fence_version;
  for (const storage::PartnerRow* row : affected) {
    Paused paused{row->id, control_.snapshots->Fence(row->partner.name()), false};
    paused.was_open = paused.fence->open();
    paused_.push_back(paused);
    const absl::Status why = errors::GrantsNarrowed(row->partner.name());
    CloseFence(control_, row->partner.name(), why);
    control_.cutter->StopPartner(row->partner.name(), why);
    POSTERN_RETURN_IF_ERROR(AddSettlements(*row, now, change));
  }
  return absl::OkStatus();
}

absl::Status Withdrawal::AddSettlements(const storage::PartnerRow& row, absl::Time now, storage::ChangeSet* change) {
  storage::SettleBatch batch;
  batch.span.partner = row.id;
  batch.time = now;
  for (int64_t after = 0;;) {
    POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::PendingPayload> page,
                             control_.store->ReadBacklog(row.id, after, kPageRecords, kPageBytes));
    if (page.empty()) break;
    after = page.back().seq;
    for (const storage::PendingPayload& pending : page) {
      POSTERN_ASSIGN_OR_RETURN(const bool narrowed, IsNarrowed(pending.grant));
      if (!narrowed) continue;
      batch.settlements.push_back(
          {pending.seq, v1::DISCLOSURE_STATE_WITHDRAWN, v1::ErrorReason_Name(v1::ERROR_REASON_FENCED)});
    }
  }
  if (batch.settlements.empty()) return absl::OkStatus();
  count_ += static_cast<int64_t>(batch.settlements.size());
  POSTERN_RETURN_IF_ERROR(AppendLeaf(&batch.audit_leaves, v1::AuditEntry::KIND_SETTLEMENT,
                                     {now, kGatewayPrincipal, row.partner.name()}, "backlog.withdrawn",
                                     {{"count", absl::StrCat(batch.settlements.size())}},
                                     v1::ErrorReason_Name(v1::ERROR_REASON_FENCED)));
  change->settlements.push_back(std::move(batch));
  return absl::OkStatus();
}

absl::StatusOr<bool> Withdrawal::IsNarrowed(storage::GrantId id) {
  const auto it = decided_.find(id);
  if (it != decided_.end()) return it->second;
  POSTERN_ASSIGN_OR_RETURN(const storage::GrantRef ref, control_.store->ReadGrant(id));
  const GrantKey key{std::string(ContractPart(ref.contract_revision)), ref.purpose, ref.record_type};
  return decided_[id] = narrowed_.contains(key);
}

}  // namespace postern::registry
