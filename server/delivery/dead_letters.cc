#include "server/delivery/dead_letters.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/disclosure/audit_entry.h"
#include "server/disclosure/errors.h"
#include "server/disclosure/limits.h"
#include "server/disclosure/names.h"
#include "server/disclosure/receipt.h"
#include "server/disclosure/resolver.h"
#include "server/registry/errors.h"
#include "server/registry/page.h"
#include "server/registry/times.h"

namespace postern::delivery {
namespace {

namespace errors = disclosure::errors;
namespace limits = disclosure::limits;

absl::StatusOr<std::string> ActionLeaf(absl::Time now, const identity::Principal& principal, absl::string_view resource,
                                       absl::string_view action) {
  v1::AuditEntry entry = disclosure::MakeEntry(v1::AuditEntry::KIND_OPERATOR_ACTION, now, principal.name, resource);
  (*entry.mutable_details())["action"] = std::string(action);
  return disclosure::PublicLeaf(entry);
}

}  // namespace

DeadLetters::DeadLetters(const registry::SnapshotHolder* snapshots, storage::Store* store, DeliveryHub* hub,
                         std::string log_origin, std::function<absl::Time()> clock)
    : snapshots_(snapshots),
      store_(store),
      hub_(hub),
      log_origin_(std::move(log_origin)),
      clock_(std::move(clock)),
      grants_(store) {}

absl::StatusOr<v1::ListDeadLettersResponse> DeadLetters::List(const identity::Principal& principal,
                                                              const v1::ListDeadLettersRequest& request) {
  POSTERN_ASSIGN_OR_RETURN(const int page_size,
                           registry::PageSize(request.page_size(), limits::kDefaultPageSize, limits::kMaxPageSize));
  POSTERN_ASSIGN_OR_RETURN(const int64_t after, registry::PositionToken(request.page_token()));
  const std::shared_ptr<const registry::Snapshot> snapshot = snapshots_->Get();
  const registry::PartnerView* partner = snapshot->FindPartner(request.parent());
  if (partner == nullptr) return registry::errors::PartnerUnknown(request.parent());
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::DeadLetterRow> rows,
                           store_->ListDeadLetters(partner->id, after, page_size));
  v1::ListDeadLettersResponse response;
  for (const storage::DeadLetterRow& row : rows) {
    POSTERN_ASSIGN_OR_RETURN(const auto grant, grants_.Get(row.disclosure.grant));
    v1::DeadLetter& letter = *response.add_dead_letters();
    *letter.mutable_disclosure() = disclosure::DisclosureOf(row.disclosure, *grant, request.parent(), log_origin_);
    const bool rejected = row.reason == disclosure::ReasonName(v1::ERROR_REASON_PARTNER_FAILED);
    letter.set_reason(rejected ? "rejected" : "attempts");
    registry::SetTime(row.time, letter.mutable_time());
  }
  if (static_cast<int>(rows.size()) == page_size) {
    response.set_next_page_token(absl::StrCat(rows.back().disclosure.seq));
  }
  const v1::AuditEntry read = disclosure::MakeEntry(v1::AuditEntry::KIND_READ, clock_(), principal.name,
                                                    absl::StrCat(request.parent(), "/deadLetters"));
  POSTERN_ASSIGN_OR_RETURN(const std::string leaf, disclosure::PublicLeaf(read));
  POSTERN_RETURN_IF_ERROR(store_->AppendAudit({leaf}).status());
  return response;
}

absl::StatusOr<DeadLetters::Found> DeadLetters::Find(const registry::Snapshot& snapshot,
                                                     const std::string& name) const {
  POSTERN_ASSIGN_OR_RETURN(const disclosure::ParsedName parsed, disclosure::ParseDisclosureName("name", name));
  Found found;
  found.partner = snapshot.FindPartner(parsed.partner);
  if (found.partner == nullptr) return errors::NotFound(name);
  absl::StatusOr<storage::DisclosureRow> row = store_->ReadDisclosure(parsed.id);
  if (absl::IsNotFound(row.status()) || (row.ok() && row->partner != found.partner->id)) {
    return errors::NotFound(name);
  }
  POSTERN_RETURN_IF_ERROR(row.status());
  absl::StatusOr<storage::PendingPayload> payload = store_->ReadDeadLetter(parsed.id);
  if (absl::IsNotFound(payload.status())) return errors::NotFound(name);
  POSTERN_RETURN_IF_ERROR(payload.status());
  found.payload = *std::move(payload);
  return found;
}

absl::StatusOr<registry::PartnerFence::Pass> DeadLetters::EnterFence(const std::string& name) const {
  POSTERN_ASSIGN_OR_RETURN(const disclosure::ParsedName parsed, disclosure::ParseDisclosureName("name", name));
  const std::shared_ptr<const registry::Snapshot> snapshot = snapshots_->Get();
  if (snapshot->FindPartner(parsed.partner) == nullptr) return errors::NotFound(name);
  POSTERN_ASSIGN_OR_RETURN(const registry::PartnerView* partner,
                           disclosure::FindActivePartner(*snapshot, parsed.partner));
  registry::PartnerFence::Pass pass = partner->fence->Enter(partner->fence->generation());
  if (!pass) return errors::Fenced();
  return pass;
}

absl::Status DeadLetters::CheckStillGranted(const registry::PartnerView& partner, storage::GrantId grant) {
  const auto& grants = partner.grants;
  const auto same = [grant](const registry::ActiveGrant& active) { return active.grant_id == grant; };
  if (std::any_of(grants.begin(), grants.end(), same)) return absl::OkStatus();
  POSTERN_ASSIGN_OR_RETURN(const auto ref, grants_.Get(grant));
  return errors::PurposeNotGranted(partner.resource.name(), ref->purpose, ref->record_type);
}

absl::StatusOr<v1::ReplayDeadLetterResponse> DeadLetters::Replay(const identity::Principal& principal,
                                                                 const v1::ReplayDeadLetterRequest& request) {
  POSTERN_ASSIGN_OR_RETURN(const registry::PartnerFence::Pass pass, EnterFence(request.name()));
  // Read inside the fence: what is revoked from here on waits until the record is in the backlog, and ends it there.
  const std::shared_ptr<const registry::Snapshot> snapshot = snapshots_->Get();
  POSTERN_ASSIGN_OR_RETURN(Found found, Find(*snapshot, request.name()));
  POSTERN_RETURN_IF_ERROR(CheckStillGranted(*found.partner, found.payload.grant));
  POSTERN_ASSIGN_OR_RETURN(const std::string leaf,
                           ActionLeaf(clock_(), principal, request.name(), "replay_dead_letter"));
  POSTERN_ASSIGN_OR_RETURN(found.payload.seq, store_->ReplayDeadLetter(found.payload.id, leaf));
  POSTERN_RETURN_IF_ERROR(hub_->OnDeadLetterGone(*found.partner, found.payload.record_key, &found.payload));
  return v1::ReplayDeadLetterResponse();
}

absl::StatusOr<v1::DropDeadLetterResponse> DeadLetters::Drop(const identity::Principal& principal,
                                                             const v1::DropDeadLetterRequest& request) {
  const std::shared_ptr<const registry::Snapshot> snapshot = snapshots_->Get();
  POSTERN_ASSIGN_OR_RETURN(const Found found, Find(*snapshot, request.name()));
  POSTERN_ASSIGN_OR_RETURN(const std::string leaf, ActionLeaf(clock_(), principal, request.name(), "drop_dead_letter"));
  POSTERN_RETURN_IF_ERROR(store_->DropDeadLetter(found.payload.id, leaf));
  POSTERN_RETURN_IF_ERROR(hub_->OnDeadLetterGone(*found.partner, found.payload.record_key, nullptr));
  return v1::DropDeadLetterResponse();
}

}  // namespace postern::delivery
