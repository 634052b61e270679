#include "server/delivery/dead_letters.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "policy/report/release_order.h"
#include "proto/errors/error.h"
#include "server/disclosure/audit_entry.h"
#include "server/disclosure/errors.h"
#include "server/disclosure/limits.h"
#include "server/disclosure/names.h"
#include "server/disclosure/receipt.h"
#include "server/disclosure/resolver.h"
#include "server/registry/errors.h"
#include "server/registry/page.h"
#include "server/registry/partner_rows.h"
#include "server/registry/times.h"

namespace postern::delivery {
namespace {

namespace errors = disclosure::errors;
namespace limits = disclosure::limits;

// `active`, if there is one, is what the record was authorised under again.
absl::StatusOr<std::string> ActionLeaf(absl::Time now, const identity::Principal& principal, absl::string_view resource,
                                       absl::string_view action, const registry::ActiveGrant* active = nullptr,
                                       absl::string_view policy_version = "") {
  v1::AuditEntry entry = disclosure::MakeEntry(v1::AuditEntry::KIND_OPERATOR_ACTION, now, principal.name, resource);
  (*entry.mutable_details())["action"] = std::string(action);
  if (active != nullptr) {
    (*entry.mutable_details())["contract_revision"] = active->contract_revision;
    (*entry.mutable_details())["policy_version"] = std::string(policy_version);
  }
  return disclosure::PublicLeaf(entry);
}

// The grant in force of the contract, purpose and type that `ref` was made under; null if there is none today.
const registry::ActiveGrant* FindSuccessor(const registry::PartnerView& partner, const storage::GrantRef& ref) {
  const absl::string_view contract = registry::ContractPart(ref.contract_revision);
  for (const registry::ActiveGrant& active : partner.grants) {
    if (active.contract->name == contract && active.grant->purpose == ref.purpose &&
        active.grant->record_type == ref.record_type) {
      return &active;
    }
  }
  return nullptr;
}

// Whether the contract is agreed, in force today or not.
bool Agreed(const registry::Snapshot& snapshot, const storage::GrantRef& ref) {
  return snapshot.bundle != nullptr &&
         snapshot.bundle->FindContract(registry::ContractPart(ref.contract_revision)) != nullptr;
}

}  // namespace

DeadLetters::DeadLetters(const registry::SnapshotHolder* snapshots, registry::GrantArchive* archive,
                         storage::Store* store, DeliveryHub* hub, std::string log_origin,
                         std::function<absl::Time()> clock)
    : snapshots_(snapshots),
      archive_(archive),
      store_(store),
      hub_(hub),
      log_origin_(std::move(log_origin)),
      clock_(std::move(clock)),
      grants_(store) {}

absl::StatusOr<v1::ListDeadLettersResponse> DeadLetters::List(const v1::ListDeadLettersRequest& request) {
  POSTERN_ASSIGN_OR_RETURN(const int page_size,
                           registry::PageSize(request.page_size(), limits::kDefaultPageSize, limits::kMaxPageSize));
  POSTERN_ASSIGN_OR_RETURN(const int64_t after, registry::PositionToken(request.page_token()));
  const std::shared_ptr<const registry::Snapshot> snapshot = snapshots_->Get();
  const registry::PartnerView* partner = snapshot->FindPartner(request.parent());
  if (partner == nullptr) return registry::errors::PartnerUnknown(request.parent());
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::DeadLetterRow> rows,
                           store_->ListDeadLetters(partner->id, after, page_size));
  std::vector<storage::Mac16> keys;
  for (const storage::DeadLetterRow& row : rows) keys.push_back(row.disclosure.record_key);
  POSTERN_ASSIGN_OR_RETURN(const std::vector<int64_t> blocked, store_->CountPendingOf(partner->id, keys));
  v1::ListDeadLettersResponse response;
  for (const storage::DeadLetterRow& row : rows) {
    POSTERN_ASSIGN_OR_RETURN(const auto grant, grants_.Get(row.disclosure.grant));
    v1::DeadLetter& letter = *response.add_dead_letters();
    *letter.mutable_disclosure() = disclosure::DisclosureOf(row.disclosure, *grant, request.parent(), log_origin_);
    const bool rejected = row.reason == disclosure::ReasonName(v1::ERROR_REASON_PARTNER_FAILED);
    letter.set_reason(rejected ? "rejected" : "attempts");
    registry::SetTime(row.time, letter.mutable_time());
    letter.set_blocked_count(blocked[static_cast<size_t>(response.dead_letters_size()) - 1]);
  }
  if (static_cast<int>(rows.size()) == page_size) {
    response.set_next_page_token(absl::StrCat(rows.back().disclosure.seq));
  }
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

absl::StatusOr<v1::ReplayDeadLetterResponse> DeadLetters::Replay(const identity::Principal& principal,
                                                                 const v1::ReplayDeadLetterRequest& request) {
  // Before the fence is entered, because it can take a compilation: what a grant released does not change.
  POSTERN_ASSIGN_OR_RETURN(Found found, Find(*snapshots_->Get(), request.name()));
  POSTERN_ASSIGN_OR_RETURN(const auto ref, grants_.Get(found.payload.grant));
  POSTERN_ASSIGN_OR_RETURN(const auto released, archive_->Find(*ref));

  POSTERN_ASSIGN_OR_RETURN(const registry::PartnerFence::Pass pass, EnterFence(request.name()));
  // Read inside the fence: what is revoked from here on waits until the record is in the backlog, and ends it there.
  const std::shared_ptr<const registry::Snapshot> snapshot = snapshots_->Get();
  POSTERN_ASSIGN_OR_RETURN(found, Find(*snapshot, request.name()));
  const registry::ActiveGrant* active = FindSuccessor(*found.partner, *ref);
  if (active == nullptr && Agreed(*snapshot, *ref)) {
    return errors::PurposeNotGranted(found.partner->resource.name(), ref->purpose, ref->record_type);
  }
  if (active == nullptr || !policy::ReleasesWithin(*released, *active->grant)) {
    return Withdraw(principal, request.name(), found, *ref);
  }
  POSTERN_ASSIGN_OR_RETURN(const std::string leaf, ActionLeaf(clock_(), principal, request.name(), "replay_dead_letter",
                                                              active, snapshot->policy_version));
  POSTERN_RETURN_IF_ERROR(hub_->EndDeadLetter(*found.partner, found.payload.record_key,
                                              [&] { return store_->ReplayDeadLetter(found.payload.id, leaf); }));
  return v1::ReplayDeadLetterResponse();
}

absl::Status DeadLetters::Withdraw(const identity::Principal& principal, const std::string& name, const Found& found,
                                   const storage::GrantRef& ref) {
  const absl::Time now = clock_();
  const std::string reason = disclosure::ReasonName(v1::ERROR_REASON_PURPOSE_NOT_GRANTED);
  POSTERN_ASSIGN_OR_RETURN(const std::string leaf, ActionLeaf(now, principal, name, "withdraw_dead_letter"));
  const auto withdraw = [&]() -> absl::StatusOr<int64_t> {
    POSTERN_RETURN_IF_ERROR(store_->WithdrawDeadLetter(found.payload.id, reason, now, leaf));
    return 0;
  };
  POSTERN_RETURN_IF_ERROR(hub_->EndDeadLetter(*found.partner, found.payload.record_key, withdraw));
  return errors::PurposeNotGranted(found.partner->resource.name(), ref.purpose, ref.record_type);
}

absl::StatusOr<v1::DropDeadLetterResponse> DeadLetters::Drop(const identity::Principal& principal,
                                                             const v1::DropDeadLetterRequest& request) {
  const std::shared_ptr<const registry::Snapshot> snapshot = snapshots_->Get();
  POSTERN_ASSIGN_OR_RETURN(const Found found, Find(*snapshot, request.name()));
  POSTERN_ASSIGN_OR_RETURN(const std::string leaf, ActionLeaf(clock_(), principal, request.name(), "drop_dead_letter"));
  const auto drop = [&]() -> absl::StatusOr<int64_t> {
    POSTERN_RETURN_IF_ERROR(store_->DropDeadLetter(found.payload.id, leaf));
    return 0;
  };
  POSTERN_RETURN_IF_ERROR(hub_->EndDeadLetter(*found.partner, found.payload.record_key, drop));
  return v1::DropDeadLetterResponse();
}

}  // namespace postern::delivery
