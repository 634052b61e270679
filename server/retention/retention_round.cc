#include "server/retention/retention_round.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/base/failpoint.h"
#include "server/disclosure/sealed_payload.h"
#include "server/registry/audit_entry.h"
#include "server/registry/errors.h"
#include "server/registry/lifecycle.h"
#include "server/registry/times.h"
#include "server/revocation/targeted_campaign.h"
#include "server/rights/recall.h"
#include "server/rights/subject_ledger.h"

namespace postern::retention {
namespace {

// A record can be disclosed long after its order's events: no order is left unseen longer than this.
constexpr absl::Duration kRevisit = absl::Hours(24);
constexpr absl::Duration kRetry = absl::Hours(1);

bool Waits(const storage::DisclosureRow& row) {
  return row.state == v1::DISCLOSURE_STATE_PENDING || row.state == v1::DISCLOSURE_STATE_POSSIBLY_HELD ||
         row.state == v1::DISCLOSURE_STATE_DEAD_LETTERED;
}

void Add(const v1::RetentionRound& counts, v1::RetentionRound* totals) {
  totals->set_order_count(totals->order_count() + counts.order_count());
  totals->set_closed_count(totals->closed_count() + counts.closed_count());
  totals->set_withdrawn_count(totals->withdrawn_count() + counts.withdrawn_count());
  totals->set_handle_count(totals->handle_count() + counts.handle_count());
  totals->set_held_count(totals->held_count() + counts.held_count());
  totals->set_failed_count(totals->failed_count() + counts.failed_count());
}

}  // namespace

RetentionRound::RetentionRound(rights::RightsPlane* plane, crypto::Uuid7Generator* ids, absl::Time now)
    : plane_(*plane), ids_(*ids), now_(now), snapshot_(plane->snapshots->Get()), grants_(plane->store, snapshot_) {}

absl::Status RetentionRound::Look(const storage::RetentionOrderRow& due) {
  counts_.set_order_count(counts_.order_count() + 1);
  const absl::Status status = Act(due);
  if (status.ok() || absl::IsUnavailable(status)) return status;
  // One order that cannot be judged must not stop the others.
  counts_.set_failed_count(counts_.failed_count() + 1);
  storage::RetentionOrderRow later = due;
  later.due = now_ + kRetry;
  change_.retention_orders.push_back(std::move(later));
  return absl::OkStatus();
}

absl::StatusOr<RetentionRound::Rows> RetentionRound::Read(const storage::Mac16& order) {
  Rows rows;
  POSTERN_RETURN_IF_ERROR(rights::ForEachDisclosure(*plane_.store, {order}, [&](const storage::DisclosureRow& row) {
    rows.push_back(row);
    return absl::OkStatus();
  }));
  return rows;
}

absl::Time RetentionRound::HeldUntil(const Rows& rows) const {
  absl::Time held = absl::InfinitePast();
  for (const storage::DisclosureRow& row : rows) {
    for (const storage::Mac16& subject : row.subjects) {
      const auto standing = plane_.standings->Find(subject);
      if (standing != nullptr) held = std::max(held, standing->held_until);
    }
  }
  return held;
}

absl::Status RetentionRound::Act(const storage::RetentionOrderRow& due) {
  v1::RetentionProgress before;
  if (!before.ParseFromString(due.progress)) {
    return registry::errors::StoreInconsistent("a retention progress does not parse");
  }
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::OrderEventRow> events, plane_.store->ListOrderEvents(due.order));
  POSTERN_ASSIGN_OR_RETURN(Rows rows, Read(due.order));
  POSTERN_ASSIGN_OR_RETURN(const OrderPlan plan,
                           PlanOrder(rows, events, now_, snapshot_->bundle->vocabulary(), grants_, before));
  storage::RetentionOrderRow after = due;
  const bool anything =
      std::any_of(plan.parts.begin(), plan.parts.end(), [](const auto& p) { return !p.ended.empty(); });
  if (const absl::Time held = HeldUntil(rows); anything && held > now_) {
    counts_.set_held_count(counts_.held_count() + 1);
    LookAgain(std::move(after), held);
    return absl::OkStatus();
  }
  POSTERN_ASSIGN_OR_RETURN(const bool withdrew, Withdraw(due.order, rows, plan));
  if (withdrew) {
    // Again: what was on its way is held now.
    POSTERN_ASSIGN_OR_RETURN(Rows now, Read(due.order));
    // What came since was not judged: the order is looked at again for it.
    const bool grew = now.size() > rows.size();
    now.resize(std::min(now.size(), rows.size()));
    rows = std::move(now);
    if (grew) {
      POSTERN_RETURN_IF_ERROR(AddItems(rows, plan));
      after.progress = plan.progress.SerializeAsString();
      LookAgain(std::move(after), now_);
      return absl::OkStatus();
    }
  }
  POSTERN_RETURN_IF_ERROR(AddItems(rows, plan));
  after.progress = plan.progress.SerializeAsString();
  if (!plan.complete) {
    LookAgain(std::move(after), plan.next_end);
    return absl::OkStatus();
  }
  POSTERN_RETURN_IF_ERROR(AddOrderKey(rows));
  closing_[due.order] = rows.size();
  after.closed = true;
  change_.retention_orders.push_back(std::move(after));
  counts_.set_closed_count(counts_.closed_count() + 1);
  return absl::OkStatus();
}

void RetentionRound::LookAgain(storage::RetentionOrderRow row, absl::Time next_end) {
  row.ends = next_end;
  row.due = std::min(next_end, now_ + kRevisit);
  change_.retention_orders.push_back(std::move(row));
}

absl::StatusOr<bool> RetentionRound::Withdraw(const storage::Mac16& order, const Rows& rows, const OrderPlan& plan) {
  absl::flat_hash_set<int64_t> over;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (Waits(rows[i]) && !rows[i].exchange && !plan.parts[i].ended.empty()) over.insert(rows[i].seq);
  }
  if (over.empty()) return false;
  POSTERN_ASSIGN_OR_RETURN(const rights::Recalled recalled,
                           rights::RecallReleases(plane_, {order}, v1::ERROR_REASON_RETENTION_ENDED,
                                                  [&](const storage::DisclosureRow& row) -> absl::StatusOr<bool> {
                                                    return over.contains(row.seq);
                                                  }));
  counts_.set_withdrawn_count(counts_.withdrawn_count() + recalled.effect.withdrawn_count());
  return true;
}

absl::Status RetentionRound::AddItems(const Rows& rows, const OrderPlan& plan) {
  // Versions of one record share a handle: what is over of any of them is named once.
  struct Named {
    size_t row = 0;
    std::set<std::string> categories;
    bool whole = true;
    bool fresh = false;
  };
  std::map<std::pair<storage::PartnerId, storage::Hash32>, Named> handles;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].may_be_held) continue;
    const auto [it, inserted] = handles.try_emplace({rows[i].partner, rows[i].handle});
    Named& named = it->second;
    named.row = i;
    named.categories.insert(plan.parts[i].fresh.begin(), plan.parts[i].fresh.end());
    named.whole = named.whole && plan.parts[i].whole;
    named.fresh = named.fresh || !plan.parts[i].fresh.empty();
  }
  for (const auto& [key, named] : handles) {
    if (!named.fresh) continue;
    POSTERN_ASSIGN_OR_RETURN(const rights::GrantFacts* facts, grants_.Of(rows[named.row].grant));
    Item& item = items_[key.first].emplace_back();
    item.set_handle(std::string(reinterpret_cast<const char*>(key.second.data()), key.second.size()));
    item.set_purpose(facts->ref.purpose);
    item.set_record_type(facts->ref.record_type);
    item.set_locator_path(facts->ref.locator_path);
    if (named.whole) continue;
    for (const std::string& category : named.categories) item.add_categories(category);
  }
  return absl::OkStatus();
}

absl::Status RetentionRound::AddOrderKey(const Rows& rows) {
  absl::flat_hash_set<crypto::KeyId> keys;
  for (const storage::DisclosureRow& row : rows) {
    // It follows those of the subjects.
    if (row.key_ids.size() <= row.subjects.size()) continue;
    POSTERN_ASSIGN_OR_RETURN(const crypto::KeyId id, disclosure::FromStored(row.key_ids[row.subjects.size()]));
    // In both realms: a later record of the order may know nothing of the person's age.
    const auto other =
        id.realm() == crypto::KeyRealm::kMinors ? crypto::KeyRealm::kStandard : crypto::KeyRealm::kMinors;
    if (keys.insert(id).second) keys_.push_back(id);
    if (keys.insert(id.InRealm(other)).second) keys_.push_back(id.InRealm(other));
  }
  return absl::OkStatus();
}

absl::Status RetentionRound::KeepOrdersThatGrew() {
  if (closing_.empty()) return absl::OkStatus();
  // With the keys gone no commit of such an order can begin; those that had begun end here.
  plane_.committer->AwaitReleased();
  for (storage::RetentionOrderRow& row : change_.retention_orders) {
    const auto closing = closing_.find(row.order);
    if (closing == closing_.end() || !row.closed) continue;
    POSTERN_ASSIGN_OR_RETURN(const Rows now, Read(row.order));
    if (now.size() <= closing->second) continue;
    row.closed = false;
    row.due = now_;
    counts_.set_closed_count(counts_.closed_count() - 1);
  }
  return absl::OkStatus();
}

absl::Status RetentionRound::AddCampaigns() {
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::PartnerRow> partners, plane_.store->ListPartners());
  for (const storage::PartnerRow& partner : partners) {
    const auto items = items_.find(partner.id);
    // What a terminated partner held was asked for at its termination.
    if (items == items_.end() || registry::Revoked(partner.partner.state())) continue;
    counts_.set_handle_count(counts_.handle_count() + static_cast<int64_t>(items->second.size()));
    POSTERN_ASSIGN_OR_RETURN(const crypto::Uuid id, ids_.Next(now_));
    POSTERN_ASSIGN_OR_RETURN(
        const v1::DeletionCampaign campaign,
        revocation::AddTargetedCampaign(*plane_.control, plane_.campaigns, partner,
                                        v1::DeletionCampaign::CAUSE_RETENTION, std::move(items->second), id, &change_));
    counts_.add_campaigns(campaign.name());
  }
  return absl::OkStatus();
}

bool RetentionRound::DidAnything() const {
  return counts_.closed_count() + counts_.withdrawn_count() + counts_.handle_count() > 0;
}

absl::Status RetentionRound::Finish(absl::string_view principal, v1::RetentionReport totals) {
  POSTERN_FAILPOINT("retention.withdrawn");
  if (!keys_.empty() && !base::FailpointSkips("retention_shred.skip")) {
    POSTERN_RETURN_IF_ERROR(plane_.keys->Shred(keys_, now_));
  }
  POSTERN_RETURN_IF_ERROR(KeepOrdersThatGrew());
  POSTERN_FAILPOINT("retention.shredded");
  absl::MutexLock control(&plane_.control->mutex);
  POSTERN_RETURN_IF_ERROR(AddCampaigns());
  if (DidAnything()) {
    Add(counts_, totals.mutable_totals());
    registry::SetTime(now_, totals.mutable_last_time());
    change_.retention_totals = totals.SerializeAsString();
    POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(&change_.audit_leaves, v1::AuditEntry::KIND_STATE_CHANGE,
                                                 {now_, principal, ""}, "retention.executed",
                                                 {{"closed", absl::StrCat(counts_.closed_count())},
                                                  {"withdrawn", absl::StrCat(counts_.withdrawn_count())},
                                                  {"handles", absl::StrCat(counts_.handle_count())},
                                                  {"held", absl::StrCat(counts_.held_count())}}));
  }
  POSTERN_RETURN_IF_ERROR(plane_.store->Apply(change_).status());
  revocation::Announce(*plane_.control, change_);
  if (!keys_.empty()) plane_.store->RequestScrub();
  return absl::OkStatus();
}

}  // namespace postern::retention
