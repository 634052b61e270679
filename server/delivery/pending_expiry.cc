// What a partner never fetched: after the contract's max_pending_hours it is shredded and the shop is told.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/delivery/delivery_hub.h"
#include "server/registry/lifecycle.h"

namespace postern::delivery {
namespace {

constexpr int kPage = 512;

// Of the contract that a revision belongs to; the shortest of all if that contract is no longer in force.
absl::Duration MaxPending(const registry::PartnerView& partner, absl::string_view revision) {
  absl::Duration shortest = absl::InfiniteDuration();
  for (const auto& contract : partner.contracts) {
    const absl::Duration hours = absl::Hours(contract->terms.delivery().max_pending_hours());
    if (absl::StartsWith(revision, absl::StrCat(contract->name, "/"))) return hours;
    shortest = std::min(shortest, hours);
  }
  return shortest;
}

}  // namespace

absl::Status DeliveryHub::ExpirePending() {
  const std::shared_ptr<const registry::Snapshot> snapshot = snapshots_->Get();
  const absl::Time now = options_.clock();
  absl::Status first;
  for (const auto& [name, partner] : snapshot->partners) {
    // A terminated partner's backlog has ended already; a suspended one's clock goes on.
    if (!registry::KeepsGrants(partner->resource.state()) || partner->contracts.empty()) continue;
    const absl::Status status = ExpirePartner(*partner, now);
    if (first.ok()) first = status;
  }
  return first;
}

absl::Status DeliveryHub::ExpirePartner(const registry::PartnerView& partner, absl::Time now) {
  const absl::Duration shortest = MaxPending(partner, "");
  for (;;) {
    POSTERN_ASSIGN_OR_RETURN(std::vector<storage::PendingPayload> old,
                             store_->ReadPendingOlderThan(partner.id, now - shortest, kPage));
    const bool last_page = old.size() < kPage;
    std::vector<storage::PendingPayload> overdue;
    for (storage::PendingPayload& payload : old) {
      POSTERN_ASSIGN_OR_RETURN(const std::shared_ptr<const storage::GrantRef> grant, grants_.Get(payload.grant));
      if (payload.time + MaxPending(partner, grant->contract_revision) > now) continue;
      overdue.push_back(std::move(payload));
    }
    if (overdue.empty()) return absl::OkStatus();
    POSTERN_ASSIGN_OR_RETURN(const QueuePtr queue, QueueFor(partner));
    if (queue->Expire(overdue) == 0) return absl::OkStatus();
    settler_.Notify(queue, queue->Unsettled());
    // Settled before the next page is read, which therefore starts after this one.
    POSTERN_RETURN_IF_ERROR(settler_.Flush());
    if (last_page) return absl::OkStatus();
  }
}

absl::Status DeliveryHub::OnDeadLetterGone(const registry::PartnerView& partner, const storage::Mac16& record_key,
                                           const storage::PendingPayload* replayed) {
  // A partner without a queue reads its dead letters and its backlog when it connects.
  const QueuePtr queue = FindQueue(partner.id);
  return queue == nullptr ? absl::OkStatus() : queue->Unblock(record_key, replayed);
}

}  // namespace postern::delivery
