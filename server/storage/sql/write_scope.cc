#include "server/storage/sql/write_scope.h"
#include "proto/errors/error.h"
#include "server/storage/sql/packing.h"

namespace postern::storage {

absl::StatusOr<WriteScope::Leaf> WriteScope::AppendLeaf(absl::string_view leaf) {
  Leaf appended;
  appended.index = head_.tree.size();
  appended.hash = crypto::MerkleLeafHash(leaf);
  POSTERN_RETURN_IF_ERROR(Query(db_, "INSERT INTO audit_leaf(leaf_index, leaf) VALUES(?, ?)")
                              .Bind(static_cast<int64_t>(appended.index))
                              .Bind(leaf)
                              .Run());
  completed_.clear();
  head_.tree.Append(appended.hash, &completed_);
  for (const crypto::MerkleNode& node : completed_) {
    if (node.level == 0 || node.level % kTileLevels != 0) continue;
    POSTERN_RETURN_IF_ERROR(Query(db_, "INSERT INTO tree_node(level, node_index, hash) VALUES(?, ?, ?)")
                                .Bind(node.level)
                                .Bind(static_cast<int64_t>(node.index))
                                .Bind(View(node.hash))
                                .Run());
  }
  return appended;
}

absl::Status WriteScope::AppendLeaves(absl::Span<const std::string> leaves) {
  for (const std::string& leaf : leaves) POSTERN_RETURN_IF_ERROR(AppendLeaf(leaf).status());
  return absl::OkStatus();
}

absl::Status WriteScope::RaiseFences(absl::Span<const FenceScope> scopes) {
  const uint64_t version = fences_.newest() + 1;
  for (const FenceScope& scope : scopes) {
    POSTERN_RETURN_IF_ERROR(Query(db_,
                                  "INSERT INTO fence(kind, id, version) VALUES(?, ?, ?) ON CONFLICT(kind, id) DO "
                                  "UPDATE SET version = excluded.version")
                                .Bind(static_cast<int64_t>(scope.kind))
                                .Bind(scope.id)
                                .Bind(static_cast<int64_t>(version))
                                .Run());
    raised_.push_back({scope, version});
  }
  return absl::OkStatus();
}

}  // namespace postern::storage
