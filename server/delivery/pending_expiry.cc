// Records that end while they wait: what a partner never fetched within the contract's max_pending_hours, and what its
// subject took back. The shop is told.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "proto/errors/error.h"
#include "proto/postern/v1/contract.pb.h"
#include "server/delivery/delivery_hub.h"
#include "server/registry/contract_terms.h"
#include "server/registry/lifecycle.h"
#include "server/registry/partner_rows.h"

namespace postern::delivery {
namespace {

constexpr int kPage = 512;

// How long a record may wait, by contract name, and the shortest of all.
struct PendingTerms {
  absl::flat_hash_map<std::string, absl::Duration> by_contract;
  absl::Duration shortest = absl::InfiniteDuration();

  // Of the contract that a revision belongs to; the shortest of all if that contract is unknown.
  absl::Duration Of(absl::string_view revision) const {
    const auto it = by_contract.find(registry::ContractPart(revision));
    return it == by_contract.end() ? shortest : it->second;
  }
};

// From the terms as agreed, in force or not: the wait goes on while a contract has expired or its partner is suspended.
absl::StatusOr<PendingTerms> ReadPendingTerms(storage::Store& store, storage::PartnerId partner) {
  POSTERN_ASSIGN_OR_RETURN(const std::vector<v1::Contract> contracts, registry::ReadTerms(store, partner));
  PendingTerms terms;
  for (const v1::Contract& contract : contracts) {
    const absl::Duration hours = absl::Hours(contract.delivery().max_pending_hours());
    terms.by_contract[contract.name()] = hours;
    terms.shortest = std::min(terms.shortest, hours);
  }
  return terms;
}

}  // namespace

absl::Status DeliveryHub::ExpirePending() {
  const std::shared_ptr<const registry::Snapshot> snapshot = snapshots_->Get();
  const absl::Time now = options_.clock();
  absl::Status first;
  for (const auto& [name, partner] : snapshot->partners) {
    // A terminated partner's backlog has ended already; a suspended one's clock goes on.
    if (!registry::KeepsGrants(partner->resource.state())) continue;
    const absl::Status status = ExpirePartner(*partner, now);
    if (first.ok()) first = status;
  }
  return first;
}

absl::Status DeliveryHub::ExpirePartner(const registry::PartnerView& partner, absl::Time now) {
  POSTERN_ASSIGN_OR_RETURN(const PendingTerms terms, ReadPendingTerms(*store_, partner.id));
  if (terms.by_contract.empty()) return absl::OkStatus();
  for (int64_t after = 0;;) {
    POSTERN_ASSIGN_OR_RETURN(std::vector<storage::PendingPayload> old,
                             store_->ReadPendingOlderThan(partner.id, after, now - terms.shortest, kPage));
    if (old.empty()) return absl::OkStatus();
    after = old.back().seq;
    const bool last_page = old.size() < kPage;
    std::vector<storage::PendingPayload> overdue;
    for (storage::PendingPayload& payload : old) {
      POSTERN_ASSIGN_OR_RETURN(const std::shared_ptr<const storage::GrantRef> grant, grants_.Get(payload.grant));
      if (payload.time + terms.Of(grant->contract_revision) > now) continue;
      overdue.push_back(std::move(payload));
    }
    if (!overdue.empty()) {
      POSTERN_ASSIGN_OR_RETURN(const QueuePtr queue, QueueFor(partner));
      if (queue->Expire(overdue) > 0) {
        settler_.Notify(queue, queue->Unsettled());
        POSTERN_RETURN_IF_ERROR(settler_.Flush());
      }
    }
    if (last_page) return absl::OkStatus();
  }
}

absl::StatusOr<int64_t> DeliveryHub::Recall(const registry::PartnerView& partner,
                                            const std::vector<storage::PendingPayload>& records,
                                            v1::ErrorReason reason) {
  POSTERN_ASSIGN_OR_RETURN(const QueuePtr queue, QueueFor(partner));
  const int64_t ended = queue->Recall(records, reason);
  // Also what ended by itself just now: whoever reads the ledger next sees how.
  settler_.Notify(queue, queue->Unsettled());
  POSTERN_RETURN_IF_ERROR(settler_.Flush());
  return ended;
}

}  // namespace postern::delivery
