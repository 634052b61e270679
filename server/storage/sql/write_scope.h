// One write transaction: what it reads of the ledger's end, and what it adds there.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/crypto/merkle.h"
#include "server/storage/sql/connection.h"
#include "server/storage/sql/fence_table.h"
#include "server/storage/store.h"

namespace postern::storage {

// Of the audit tree only every eighth level is stored: subtrees of 256 leaves, 65536, and so on.
inline constexpr int kTileLevels = 8;

// Where the ledger ends.
struct LedgerHead {
  int64_t last_seq = 0;
  int64_t last_outcome = 0;
  Hash32 root{};
  crypto::MerkleFrontier tree;
};

// What is known of the newest version of every record that has one; how is each database's own.
class VersionBook {
 public:
  virtual ~VersionBook() = default;
  // `version` of the key may come again, if it is the newest one. `scope` is what versions are counted in: see the
  // table grant_ref.
  virtual absl::Status GiveBack(Connection& db, int64_t scope, const Mac16& key, uint64_t version) = 0;
};

// Lives while its transaction does.
class WriteScope {
 public:
  struct Leaf {
    uint64_t index = 0;
    Hash32 hash{};
  };
  struct RaisedFence {
    FenceScope scope;
    uint64_t version = 0;
  };

  WriteScope(Connection& db, const FenceTable& fences, VersionBook& versions, LedgerHead& head)
      : db_(db), fences_(fences), versions_(versions), head_(head) {}

  Connection& db() { return db_; }
  // As it was when the transaction began.
  const FenceTable& fences() const { return fences_; }
  const LedgerHead& head() const { return head_; }
  LedgerHead& head() { return head_; }
  VersionBook& versions() { return versions_; }

  int64_t NextSeq() { return ++head_.last_seq; }
  // The last of `count` positions of the outcome feed that are the caller's now.
  int64_t TakeOutcomePositions(int64_t count) { return head_.last_outcome += count; }
  absl::StatusOr<Leaf> AppendLeaf(absl::string_view leaf);
  absl::Status AppendLeaves(absl::Span<const std::string> leaves);
  // Raises all to one new version, which fences() gives after the commit.
  absl::Status RaiseFences(absl::Span<const FenceScope> scopes);
  const std::vector<RaisedFence>& raised() const { return raised_; }

 private:
  Connection& db_;
  const FenceTable& fences_;
  VersionBook& versions_;
  LedgerHead& head_;
  std::vector<crypto::MerkleNode> completed_;
  std::vector<RaisedFence> raised_;
};

}  // namespace postern::storage
