// Where the ledger ends, as it is stored.
#pragma once

#include "absl/status/status.h"
#include "server/storage/sql/fence_table.h"
#include "server/storage/sql/write_scope.h"

namespace postern::storage {

// Whether both say the same of the audit tree.
inline bool SameTree(const LedgerHead& a, const LedgerHead& b) {
  return a.tree.size() == b.tree.size() && a.root == b.root;
}

// DATA_LOSS if what is stored contradicts itself.
absl::Status LoadLedgerHead(Connection& db, LedgerHead* head, FenceTable* fences);

// Compare-and-swap: sets the root of `after` and writes its tree in place of that of `before`. False if that is not the
// one that is stored.
absl::StatusOr<bool> StoreTreeHead(Connection& db, const LedgerHead& before, LedgerHead* after);

}  // namespace postern::storage
