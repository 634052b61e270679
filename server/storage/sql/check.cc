#include "server/storage/sql/check.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/crypto/merkle.h"
#include "server/storage/errors.h"
#include "server/storage/sql/audit_tree.h"
#include "server/storage/sql/packing.h"
#include "server/storage/sql/write_scope.h"

namespace postern::storage {
namespace {

// A query that finds what must not be.
struct Rule {
  const char* found;
  const char* what;
};

constexpr Rule kRules[] = {
    {"SELECT 1 WHERE (SELECT count(*) FROM disclosure) <> coalesce((SELECT max(seq) FROM disclosure), 0)",
     "a ledger position is missing"},
    {"SELECT 1 FROM disclosure d WHERE NOT EXISTS(SELECT 1 FROM audit_leaf l WHERE l.leaf_index = d.leaf_index)",
     "a disclosure has no audit leaf"},
    {"SELECT 1 FROM (SELECT leaf_index, lag(leaf_index, 1, -1) OVER (ORDER BY seq) AS before FROM disclosure) AS "
     "ordered WHERE "
     "leaf_index <= before",
     "disclosures and their audit leaves are not in one order"},
    {"SELECT 1 FROM disclosure d WHERE NOT EXISTS(SELECT 1 FROM grant_ref g WHERE g.id = d.grant_id)",
     "a disclosure has no grant"},
    {"SELECT 1 FROM pending p WHERE NOT EXISTS(SELECT 1 FROM disclosure d WHERE d.seq = (p.queue_key & 1099511627775) "
     "AND d.partner = p.queue_key >> 40 AND d.exchange = 0)",
     "a pending payload has no disclosure"},
    {"SELECT 1 FROM settlement s WHERE NOT EXISTS(SELECT 1 FROM disclosure d WHERE d.seq = s.seq)",
     "a settlement has no disclosure"},
    {"SELECT 1 FROM pending p JOIN settlement s ON s.seq = (p.queue_key & 1099511627775)",
     "a settled disclosure is still pending"},
    {"SELECT 1 FROM open_exchange o JOIN settlement s ON s.seq = (o.queue_key & 1099511627775)",
     "a settled exchange is still open"},
    {"SELECT 1 FROM request r WHERE NOT EXISTS(SELECT 1 FROM disclosure d WHERE d.seq = r.seq AND d.request_id = "
     "r.request_id)",
     "a request names another disclosure"},
    {"SELECT 1 FROM queue q WHERE q.total <> (SELECT count(*) FROM disclosure d WHERE d.partner = q.partner AND "
     "d.replay_of IS NULL)",
     "a partner's count is wrong"},
};

absl::Status CheckRules(Connection& db) {
  for (const Rule& rule : kRules) {
    Query query(db, rule.found);
    const bool found = query.Next();
    POSTERN_RETURN_IF_ERROR(query.status());
    if (found) return errors::Inconsistent(rule.what);
  }
  return absl::OkStatus();
}

absl::Status CheckNode(Connection& db, const crypto::MerkleNode& node) {
  Query query(db, "SELECT hash FROM tree_node WHERE level = ? AND node_index = ?");
  query.Bind(node.level).Bind(static_cast<int64_t>(node.index));
  const bool same = query.Next() && query.Bytes(0) == View(node.hash);
  POSTERN_RETURN_IF_ERROR(query.status());
  return same ? absl::OkStatus() : errors::Inconsistent("a stored tree node is not what its leaves hash to");
}

absl::Status CheckTree(Connection& db) {
  crypto::MerkleFrontier tree;
  std::vector<crypto::MerkleNode> completed;
  Query leaves(db, "SELECT leaf_index, leaf FROM audit_leaf ORDER BY leaf_index", Rows::kMany);
  while (leaves.Next()) {
    if (leaves.Int(0) != static_cast<int64_t>(tree.size())) return errors::Inconsistent("an audit leaf is missing");
    completed.clear();
    tree.Append(crypto::MerkleLeafHash(leaves.Bytes(1)), &completed);
    for (const crypto::MerkleNode& node : completed) {
      if (node.level != 0 && node.level % kTileLevels == 0) POSTERN_RETURN_IF_ERROR(CheckNode(db, node));
    }
  }
  POSTERN_RETURN_IF_ERROR(leaves.status());
  POSTERN_ASSIGN_OR_RETURN(const TreeHead head, ReadTreeHeadFrom(db));
  if (head.size != tree.size() || head.root != tree.Root())
    return errors::Inconsistent("the tree head is not what the leaves hash to");
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckLedger(Connection& db) {
  POSTERN_RETURN_IF_ERROR(CheckTree(db));
  return CheckRules(db);
}

}  // namespace postern::storage
