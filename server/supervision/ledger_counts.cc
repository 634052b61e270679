#include "server/supervision/ledger_counts.h"

#include <algorithm>
#include <vector>

#include "proto/errors/error.h"
#include "server/registry/partner_rows.h"

namespace postern::supervision {
namespace {

constexpr int kPage = 1000;

struct Counted {
  absl::Time time;
  storage::Mac16 record_key{};
  storage::GrantId grant = 0;
};

}  // namespace

absl::StatusOr<std::string> ContractNames::Of(storage::GrantId grant) {
  if (const auto known = known_.find(grant); known != known_.end()) return known->second;
  POSTERN_ASSIGN_OR_RETURN(const storage::GrantRef ref, store_.ReadGrant(grant));
  return known_[grant] = std::string(registry::ContractPart(ref.contract_revision));
}

absl::StatusOr<int64_t> CountDisclosures(storage::Store& store, storage::PartnerId partner, const CountRange& range,
                                         ContractNames& contracts, std::optional<int> days, UsageByContract* usage) {
  std::vector<Counted> newest_first;
  int64_t newest = range.after;
  bool more = true;
  for (int64_t before = 0; more && static_cast<int64_t>(newest_first.size()) < range.max_records;) {
    POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::DisclosureRow> rows,
                             store.ListDisclosures(partner, before, kPage));
    more = rows.size() == kPage;
    for (const storage::DisclosureRow& row : rows) {
      if (row.seq <= range.after || row.time < range.since) {
        more = false;
        break;
      }
      newest = std::max(newest, row.seq);
      newest_first.push_back({row.time, row.record_key, row.grant});
    }
    if (!rows.empty()) before = rows.back().seq;
  }
  for (auto counted = newest_first.rbegin(); counted != newest_first.rend(); ++counted) {
    POSTERN_ASSIGN_OR_RETURN(const std::string contract, contracts.Of(counted->grant));
    usage->try_emplace(contract, days).first->second.Add(counted->time, counted->record_key);
  }
  return newest;
}

}  // namespace postern::supervision
