// What a group commit does alike on every database, beside its rows.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/storage/sql/write_scope.h"
#include "server/storage/store.h"

namespace postern::storage {

// What record versions are counted in, by grant. Grants never change, so what was read once holds. Used inside write
// transactions only.
using GrantScopes = absl::flat_hash_map<GrantId, int64_t>;

// The scope of a grant, read where it is not in `known` yet. NOT_FOUND if there is no such grant.
absl::StatusOr<int64_t> ScopeOfGrant(Connection& db, GrantId grant, GrantScopes* known);

// How many records and exchanges a group adds to each partner's queue.
class GroupCounts {
 public:
  void Add(const NewDisclosure& entry);
  absl::Status Write(WriteScope& scope) const;

 private:
  struct Count {
    PartnerId partner = 0;
    int64_t records = 0;
    int64_t exchanges = 0;
  };
  std::vector<Count> counts_;
};

}  // namespace postern::storage
