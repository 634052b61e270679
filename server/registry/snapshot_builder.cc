#include "server/registry/snapshot_builder.h"

#include <optional>
#include <utility>

#include "proto/errors/error.h"
#include "server/registry/lifecycle.h"
#include "server/registry/partner_keys.h"
#include "server/registry/partner_rows.h"
#include "server/registry/times.h"

namespace postern::registry {
namespace {

bool SameRevisions(const ActiveRevisions& a, const ActiveRevisions& b) {
  if (a.size() != b.size()) return false;
  for (auto left = a.begin(), right = b.begin(); left != a.end(); ++left, ++right) {
    if (left->first != right->first || left->second.name() != right->second.name()) return false;
  }
  return true;
}

}  // namespace

absl::Status SnapshotBuilder::Rebuild() {
  absl::MutexLock lock(&mutex_);
  auto snapshot = std::make_shared<Snapshot>();
  // Read before everything else: a fence raised while this runs is newer than the snapshot, and what the snapshot
  // resolves is refused at commit.
  POSTERN_ASSIGN_OR_RETURN(snapshot->fence_version, store_->ReadFenceVersion());
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::PartnerRow> rows, store_->ListPartners());
  POSTERN_RETURN_IF_ERROR(LoadPolicy(rows));
  POSTERN_ASSIGN_OR_RETURN(const Freezes freezes, Freezes::Read(*store_));
  for (const storage::PartnerRow& row : rows) {
    POSTERN_ASSIGN_OR_RETURN(snapshot->partners[row.partner.name()], BuildView(row, freezes));
  }
  if (policy_ != nullptr) {
    snapshot->bundle = policy_->bundle;
    snapshot->bundle_digest = policy_->bundle_digest;
    snapshot->policy_version = policy_->bundle->privacy_policy().version();
  }
  holder_->Set(std::move(snapshot));
  return absl::OkStatus();
}

std::shared_ptr<PartnerFence> SnapshotBuilder::Fence(absl::string_view partner) const {
  absl::MutexLock lock(&mutex_);
  const auto it = fences_.find(partner);
  return it == fences_.end() ? nullptr : it->second;
}

std::shared_ptr<const PolicyInForce> SnapshotBuilder::policy() const {
  absl::MutexLock lock(&mutex_);
  return policy_;
}

void SnapshotBuilder::Offer(std::shared_ptr<const PolicyInForce> policy) {
  absl::MutexLock lock(&mutex_);
  offered_ = std::move(policy);
}

absl::Status SnapshotBuilder::LoadPolicy(const std::vector<storage::PartnerRow>& partners) {
  POSTERN_ASSIGN_OR_RETURN(const std::optional<storage::BundleRow> row, store_->ReadBundleInForce());
  if (!row) return absl::OkStatus();
  ActiveRevisions active;
  for (const storage::PartnerRow& partner : partners) {
    POSTERN_ASSIGN_OR_RETURN(std::vector<storage::RevisionRow> revisions, store_->ListRevisions(partner.id));
    for (storage::RevisionRow& revision : revisions) {
      if (revision.revision.state() != v1::ContractRevision::STATE_ACTIVE) continue;
      active.emplace(std::string(ContractPart(revision.revision.name())), std::move(revision.revision));
    }
  }
  const auto holds = [&](const std::shared_ptr<const PolicyInForce>& compiled) {
    return compiled != nullptr && compiled->bundle_digest == row->digest && SameRevisions(compiled->revisions, active);
  };
  const std::shared_ptr<const PolicyInForce> offered = std::exchange(offered_, nullptr);
  if (holds(policy_)) return absl::OkStatus();
  if (holds(offered)) {
    policy_ = offered;
    return absl::OkStatus();
  }
  POSTERN_ASSIGN_OR_RETURN(policy_, CompileInForce(row->bundle, row->digest, std::move(active)));
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const PartnerView>> SnapshotBuilder::BuildView(const storage::PartnerRow& row,
                                                                              const Freezes& freezes) {
  auto view = std::make_shared<PartnerView>();
  view->id = row.id;
  view->resource = row.partner;
  view->fence_version = row.fence_version;
  view->epoch_key = row.epoch_key;
  view->pseudonym_key = row.pseudonym_key;
  view->handle_key = row.handle_key;
  POSTERN_ASSIGN_OR_RETURN(view->pseudonym, LoadHmacKey(*keys_, row.pseudonym_key));
  POSTERN_ASSIGN_OR_RETURN(view->handle, LoadHmacKey(*keys_, row.handle_key));
  std::shared_ptr<PartnerFence>& fence = fences_[row.partner.name()];
  if (fence == nullptr) {
    fence = std::make_shared<PartnerFence>(row.fence_version, row.partner.state() == v1::PARTNER_STATE_ACTIVE);
  }
  view->fence = fence;
  if (policy_ != nullptr && KeepsGrants(row.partner.state())) POSTERN_RETURN_IF_ERROR(AddGrants(freezes, view.get()));
  return view;
}

absl::Status SnapshotBuilder::AddGrants(const Freezes& freezes, PartnerView* view) {
  const absl::CivilDay today = UtcDay(clock_());
  for (const std::shared_ptr<const policy::CompiledContract>& contract : policy_->bundle->contracts()) {
    if (contract->partner != view->resource.name()) continue;
    // Not waiting for the contract clock: what has ended releases nothing in any snapshot made after its end.
    if (policy::StandingOn(contract->terms, today).state != policy::ContractStanding::State::kInForce) continue;
    view->contracts.push_back(contract);
    for (const policy::CompiledGrant& grant : contract->grants) {
      storage::GrantRef ref;
      ref.partner = view->id;
      ref.purpose = grant.purpose;
      ref.record_type = grant.record_type;
      ref.contract_revision = policy_->revisions.at(contract->name).name();
      ref.policy_version = policy_->bundle->privacy_policy().version();
      ref.locator_path = contract->terms.deletion().locator_path();
      ref.bundle_digest = policy_->bundle_digest;
      ActiveGrant active;
      active.grant = &grant;
      active.contract = contract.get();
      active.contract_revision = ref.contract_revision;
      POSTERN_ASSIGN_OR_RETURN(active.grant_id, Intern(ref));
      active.frozen = freezes.Cover(contract->partner, grant.categories);
      view->grants.push_back(std::move(active));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<storage::GrantId> SnapshotBuilder::Intern(const storage::GrantRef& ref) {
  InternKey key(ref.contract_revision, ref.purpose, ref.record_type, ref.bundle_digest);
  const auto it = interned_.find(key);
  if (it != interned_.end()) return it->second;
  POSTERN_ASSIGN_OR_RETURN(const storage::GrantId id, store_->InternGrant(ref));
  interned_.emplace(std::move(key), id);
  return id;
}

}  // namespace postern::registry
