// Which categories a disclosure released, from its grant and what the ledger says was withheld.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "server/registry/snapshot.h"
#include "server/rights/granted_fields.h"
#include "server/storage/store.h"

namespace postern::statistics {

// Remembers what it was asked; for one piece of work. Not thread-safe.
class ReleasedCategories {
 public:
  ReleasedCategories(storage::Store* store, std::shared_ptr<const registry::Snapshot> snapshot)
      : grants_(store, std::move(snapshot)) {}

  struct Facts {
    std::string purpose;
    std::vector<std::string> categories;  // sorted, without repeats
  };
  // Categories of the granted leaves, by the policy in force, but for those of which every leaf was withheld for
  // certain. LEDGER_UNAVAILABLE, NOT_FOUND. The result lives as long as this.
  absl::StatusOr<const Facts*> Of(storage::GrantId grant, const std::vector<uint64_t>& withheld_bits);

 private:
  rights::GrantedFields grants_;
  absl::flat_hash_map<std::pair<storage::GrantId, std::vector<uint64_t>>, std::unique_ptr<const Facts>> known_;
};

}  // namespace postern::statistics
