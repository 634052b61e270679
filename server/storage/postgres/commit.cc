#include "server/storage/postgres/commit.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/base/failpoint.h"
#include "server/storage/errors.h"
#include "server/storage/postgres/group_rows.h"
#include "server/storage/postgres/record_versions.h"
#include "server/storage/sql/admission.h"
#include "server/storage/sql/group_commit.h"
#include "server/storage/sql/packing.h"
#include "server/storage/sql/queue.h"
#include "server/storage/sql/statistics.h"

namespace postern::storage {
namespace {

class GroupCommit {
 public:
  GroupCommit(PostgresConnection& db, WriteScope& scope, GrantScopes& grant_scopes,
              absl::Span<const NewDisclosure> group, std::vector<CommitResult>* results)
      : db_(db), scope_(scope), grant_scopes_(grant_scopes), group_(group), results_(*results) {}

  absl::Status Commit();

 private:
  absl::Status ReadOriginals();
  absl::Status ReadVersions();
  // Whether the request is in the ledger, or was made by an entry before: its result is the original's then.
  bool IsRepeated(size_t i);
  // What speaks against this one entry.
  absl::Status Admit(const NewDisclosure& entry);
  void Append(size_t i);
  absl::Status Write();

  PostgresConnection& db_;
  WriteScope& scope_;
  GrantScopes& grant_scopes_;
  const absl::Span<const NewDisclosure> group_;
  std::vector<CommitResult>& results_;
  std::vector<std::optional<CommittedRequest>> originals_;
  absl::flat_hash_map<std::string, size_t> claimed_;  // requests of this group, by entry
  GroupVersions versions_;
  GroupRows rows_;
  std::vector<crypto::MerkleNode> completed_;
  GroupCounts counts_;
  UncountedGroup uncounted_;
};

absl::Status GroupCommit::Commit() {
  POSTERN_RETURN_IF_ERROR(ReadOriginals());
  POSTERN_RETURN_IF_ERROR(ReadVersions());
  for (size_t i = 0; i < group_.size(); ++i) {
    if (IsRepeated(i)) continue;
    results_[i].status = Admit(group_[i]);
    if (results_[i].status.ok()) Append(i);
  }
  return Write();
}

absl::Status GroupCommit::ReadOriginals() {
  originals_.resize(group_.size());
  ArrayParameter ids(kBytea);
  ArrayParameter principals(kBytea);
  ArrayParameter targets(kBytea);
  for (const NewDisclosure& entry : group_) {
    ids.Add(View(entry.request_id));
    principals.Add(View(entry.principal));
    targets.Add(View(entry.target));
  }
  ArrayQuery query(
      db_,
      "SELECT w.place, r.content_digest, d.seq, d.id, d.leaf_index, d.time, l.leaf "
      "FROM unnest($1, $2, $3) WITH ORDINALITY AS w(request_id, principal, target, place) "
      "JOIN request r ON r.request_id = w.request_id AND r.principal = w.principal AND r.target = w.target "
      "JOIN disclosure d ON d.seq = r.seq JOIN audit_leaf l ON l.leaf_index = d.leaf_index");
  query.Bind(ids).Bind(principals).Bind(targets);
  while (query.Next()) {
    const Statement& row = query.row();
    CommittedRequest& found = originals_[static_cast<size_t>(row.Int(0) - 1)].emplace();
    POSTERN_RETURN_IF_ERROR(Unpack(row.Bytes(1), &found.content_digest));
    found.result.replayed = true;
    found.result.seq = row.Int(2);
    POSTERN_RETURN_IF_ERROR(Unpack(row.Bytes(3), &found.result.id));
    found.result.leaf_index = static_cast<uint64_t>(row.Int(4));
    found.result.time = UnpackTime(row.Int(5));
    found.result.leaf_hash = crypto::MerkleLeafHash(row.Bytes(6));
  }
  return query.status();
}

absl::Status GroupCommit::ReadVersions() {
  for (const NewDisclosure& entry : group_) {
    if (!entry.has_record_version) continue;
    POSTERN_ASSIGN_OR_RETURN(const int64_t scope, ScopeOfGrant(db_, entry.grant, &grant_scopes_));
    versions_.Want(scope, entry.record_key);
  }
  return versions_.Read(db_);
}

bool GroupCommit::IsRepeated(size_t i) {
  const NewDisclosure& entry = group_[i];
  const Hash32* digest = nullptr;
  CommitResult original;
  if (originals_[i].has_value()) {
    digest = &originals_[i]->content_digest;
    original = originals_[i]->result;
  } else {
    const auto claimed = claimed_.find(absl::StrCat(View(entry.request_id), View(entry.principal), View(entry.target)));
    if (claimed == claimed_.end()) return false;
    digest = &group_[claimed->second].content_digest;
    original = results_[claimed->second];
    original.replayed = true;
    original.time = UnpackTime(PackTime(original.time));
  }
  if (crypto::ConstantTimeEquals(View(*digest), View(entry.content_digest))) {
    results_[i] = std::move(original);
  } else {
    results_[i].status = errors::RequestIdReused();
  }
  return true;
}

// model: commit
absl::Status GroupCommit::Admit(const NewDisclosure& entry) {
  POSTERN_RETURN_IF_ERROR(CheckFences(scope_.fences(), entry));
  if (!entry.has_record_version) return absl::OkStatus();
  const bool newer = versions_.Advance(grant_scopes_.at(entry.grant), entry.record_key, entry.record_version);
  return newer || base::FailpointSkips("record_version.skip") ? absl::OkStatus() : errors::RecordVersionStale();
}

void GroupCommit::Append(size_t i) {
  const NewDisclosure& entry = group_[i];
  CommitResult& result = results_[i];
  result.leaf_index = scope_.head().tree.size();
  result.leaf_hash = crypto::MerkleLeafHash(entry.audit_leaf);
  completed_.clear();
  scope_.head().tree.Append(result.leaf_hash, &completed_);
  for (const crypto::MerkleNode& node : completed_) {
    if (node.level != 0 && node.level % kTileLevels == 0) rows_.AddNode(node);
  }
  result.seq = scope_.NextSeq();
  result.id = entry.id;
  result.time = entry.time;
  rows_.Add(entry, result.seq, result.leaf_index);
  claimed_.emplace(absl::StrCat(View(entry.request_id), View(entry.principal), View(entry.target)), i);
  counts_.Add(entry);
  uncounted_.Add(result.seq, entry.observation);
}

absl::Status GroupCommit::Write() {
  POSTERN_RETURN_IF_ERROR(rows_.Insert(db_));
  POSTERN_RETURN_IF_ERROR(versions_.Write(db_));
  POSTERN_RETURN_IF_ERROR(counts_.Write(scope_));
  return uncounted_.Write(scope_);
}

}  // namespace

absl::Status CommitGroupIn(PostgresConnection& db, WriteScope& scope, GrantScopes& grant_scopes,
                           absl::Span<const NewDisclosure> group, absl::Span<const DispatchMark> marks,
                           std::vector<CommitResult>* results) {
  results->assign(group.size(), CommitResult{});
  POSTERN_RETURN_IF_ERROR(GroupCommit(db, scope, grant_scopes, group, results).Commit());
  for (const DispatchMark& mark : marks) POSTERN_RETURN_IF_ERROR(MoveDispatchMark(scope, mark).status());
  return absl::OkStatus();
}

}  // namespace postern::storage
