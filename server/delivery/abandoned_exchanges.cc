#include "server/delivery/abandoned_exchanges.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "proto/errors/error.h"
#include "server/disclosure/audit_entry.h"
#include "server/disclosure/names.h"

namespace postern::delivery {

absl::Status SettleAbandonedExchanges(storage::Store& store, absl::Time now) {
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::DisclosureRow> open, store.ListOpenExchanges());
  if (open.empty()) return absl::OkStatus();
  absl::flat_hash_map<storage::PartnerId, std::string> names;
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::PartnerRow> partners, store.ListPartners());
  for (const storage::PartnerRow& partner : partners) names[partner.id] = partner.partner.name();

  constexpr v1::DisclosureState kState = v1::DISCLOSURE_STATE_OUTCOME_UNKNOWN;
  constexpr v1::ErrorReason kReason = v1::ERROR_REASON_OUTCOME_UNKNOWN;
  std::vector<storage::SettleBatch> batches;
  for (const storage::DisclosureRow& row : open) {
    if (batches.empty() || batches.back().span.partner != row.partner) {
      batches.emplace_back().span.partner = row.partner;
      batches.back().time = now;
    }
    batches.back().settlements.push_back({row.seq, kState, disclosure::ReasonName(kReason)});
    POSTERN_ASSIGN_OR_RETURN(
        std::string leaf,
        disclosure::SettlementLeaf(now, disclosure::kGatewayPrincipal,
                                   disclosure::DisclosureName(names[row.partner], row.id), kState, kReason));
    batches.back().audit_leaves.push_back(std::move(leaf));
  }
  return store.Settle(batches);
}

}  // namespace postern::delivery
