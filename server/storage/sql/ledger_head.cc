#include "server/storage/sql/ledger_head.h"

#include "proto/errors/error.h"
#include "server/storage/errors.h"
#include "server/storage/sql/packing.h"

namespace postern::storage {

absl::Status LoadLedgerHead(Connection& db, LedgerHead* head, FenceTable* fences) {
  {
    Query query(db,
                "SELECT coalesce((SELECT max(seq) FROM disclosure), 0), coalesce((SELECT max(last) FROM outcome), 0)");
    if (query.Next()) {
      head->last_seq = query.Int(0);
      head->last_outcome = query.Int(1);
    }
    POSTERN_RETURN_IF_ERROR(query.status());
  }
  {
    Query query(db, "SELECT size, root, frontier FROM tree_head");
    if (!query.Next()) return query.status().ok() ? errors::Inconsistent("the tree head is missing") : query.status();
    POSTERN_ASSIGN_OR_RETURN(head->tree, crypto::MerkleFrontier::Parse(query.Bytes(2)));
    head->root = head->tree.Root();
    if (static_cast<int64_t>(head->tree.size()) != query.Int(0) || View(head->root) != query.Bytes(1)) {
      return errors::Inconsistent("the tree head contradicts its own frontier");
    }
  }
  Query query(db, "SELECT kind, id, version FROM fence");
  while (query.Next()) {
    fences->Raise(static_cast<FenceScope::Kind>(query.Int(0)), query.Bytes(1), static_cast<uint64_t>(query.Int(2)));
  }
  return query.status();
}

absl::StatusOr<bool> StoreTreeHead(Connection& db, const LedgerHead& before, LedgerHead* after) {
  if (after->tree.size() == before.tree.size()) return true;
  after->root = after->tree.Root();
  POSTERN_RETURN_IF_ERROR(Query(db, "UPDATE tree_head SET size = ?, root = ?, frontier = ? WHERE size = ? AND root = ?")
                              .Bind(static_cast<int64_t>(after->tree.size()))
                              .Bind(View(after->root))
                              .Bind(after->tree.Serialize())
                              .Bind(static_cast<int64_t>(before.tree.size()))
                              .Bind(View(before.root))
                              .Run());
  return db.changes() == 1;
}

}  // namespace postern::storage
