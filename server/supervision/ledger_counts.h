// Usage by contract, counted from the ledger.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/storage/store.h"
#include "server/supervision/usage.h"

namespace postern::supervision {

using UsageByContract = std::map<std::string, Usage>;

// Which contract released a disclosure. Remembers what it has read; not thread-safe.
class ContractNames {
 public:
  explicit ContractNames(storage::Store* store) : store_(*store) {}
  // "partners/{partner}/contracts/{contract}". NOT_FOUND, LEDGER_UNAVAILABLE.
  absl::StatusOr<std::string> Of(storage::GrantId grant);

 private:
  storage::Store& store_;
  absl::flat_hash_map<storage::GrantId, std::string> known_;
};

// Which disclosures of a partner are counted: the newest `max_records` of those above `after` in the ledger that are
// not older than `since`.
struct CountRange {
  int64_t after = 0;
  absl::Time since = absl::InfinitePast();
  int64_t max_records = 0;
};

// Adds them to `usage` in order of time, `days` of each contract (see Usage); about 40 bytes each while they are read,
// page by page. Returns the newest ledger position, `after` if there is none above it. On an error nothing was added,
// or a part. NOT_FOUND, LEDGER_UNAVAILABLE.
absl::StatusOr<int64_t> CountDisclosures(storage::Store& store, storage::PartnerId partner, const CountRange& range,
                                         ContractNames& contracts, std::optional<int> days, UsageByContract* usage);

}  // namespace postern::supervision
