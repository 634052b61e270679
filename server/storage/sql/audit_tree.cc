#include "server/storage/sql/audit_tree.h"

#include "proto/errors/error.h"
#include "server/crypto/merkle.h"
#include "server/storage/errors.h"
#include "server/storage/sql/packing.h"
#include "server/storage/sql/write_scope.h"

namespace postern::storage {

absl::StatusOr<TreeHead> ReadTreeHeadFrom(Connection& db) {
  TreeHead head;
  Query query(db, "SELECT size, root FROM tree_head");
  if (!query.Next()) return query.status().ok() ? errors::Inconsistent("the tree head is missing") : query.status();
  head.size = static_cast<uint64_t>(query.Int(0));
  POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(1), &head.root));
  return head;
}

absl::StatusOr<std::vector<std::string>> ReadLeavesFrom(Connection& db, uint64_t start, int limit) {
  std::vector<std::string> leaves;
  Query query(db, "SELECT leaf_index, leaf FROM audit_leaf WHERE leaf_index >= ? ORDER BY leaf_index LIMIT ?");
  query.Bind(static_cast<int64_t>(start)).Bind(limit);
  while (query.Next()) {
    if (query.Int(0) != static_cast<int64_t>(start + leaves.size()))
      return errors::Inconsistent("an audit leaf is missing");
    leaves.push_back(query.String(1));
  }
  POSTERN_RETURN_IF_ERROR(query.status());
  return leaves;
}

absl::StatusOr<Hash32> ReadTreeHashFrom(Connection& db, int level, uint64_t index) {
  if (level < 0 || level > 62 || index >= (uint64_t{1} << (63 - level))) return errors::NotFound("subtree");
  // The nearest stored level at or below, and the 2^(level - stored) entries there.
  const int stored = level / kTileLevels * kTileLevels;
  const uint64_t count = uint64_t{1} << (level - stored);
  Query leaves(db, "SELECT leaf FROM audit_leaf WHERE leaf_index >= ? AND leaf_index < ? ORDER BY leaf_index");
  Query nodes(db,
              "SELECT hash FROM tree_node WHERE level = ? AND node_index >= ? AND node_index < ? ORDER BY node_index");
  Query& query = stored == 0 ? leaves : nodes;
  if (stored != 0) query.Bind(stored);
  query.Bind(static_cast<int64_t>(index * count)).Bind(static_cast<int64_t>((index + 1) * count));
  crypto::MerkleFrontier subtree;
  while (query.Next()) {
    Hash32 hash;
    if (stored == 0) {
      hash = crypto::MerkleLeafHash(query.Bytes(0));
    } else {
      POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(0), &hash));
    }
    subtree.Append(hash);
  }
  POSTERN_RETURN_IF_ERROR(query.status());
  if (subtree.size() != count) return errors::NotFound("subtree");
  return subtree.Root();
}

}  // namespace postern::storage
