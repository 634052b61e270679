#include "server/storage/sqlite/commit.h"

#include <optional>
#include <utility>

#include "proto/errors/error.h"
#include "server/base/failpoint.h"
#include "server/storage/errors.h"
#include "server/storage/sql/admission.h"
#include "server/storage/sql/disclosure_rows.h"
#include "server/storage/sql/group_commit.h"
#include "server/storage/sql/packing.h"
#include "server/storage/sql/queue.h"
#include "server/storage/sql/statistics.h"

namespace postern::storage {
namespace {

class GroupCommit {
 public:
  GroupCommit(SqliteWriteScope& scope, GrantScopes& grant_scopes)
      : scope_(scope), db_(scope.db()), grant_scopes_(grant_scopes) {}

  // Fills `result`; a status that is not OK is the whole group's.
  absl::Status Commit(const NewDisclosure& entry, CommitResult* result);
  // What follows from the whole group.
  absl::Status WriteCounts();

 private:
  absl::StatusOr<bool> ClaimRequest(const NewDisclosure& entry, int64_t seq);
  absl::Status ReleaseRequest(const NewDisclosure& entry);
  absl::Status ReadOriginal(const NewDisclosure& entry, CommitResult* result);
  // Sets `verdict` to what speaks against this one entry.
  absl::Status Admit(const NewDisclosure& entry, absl::Status* verdict);
  absl::StatusOr<bool> AdvanceVersion(const NewDisclosure& entry);
  absl::Status Insert(const NewDisclosure& entry, int64_t seq, uint64_t leaf_index);

  SqliteWriteScope& scope_;
  Connection& db_;
  GrantScopes& grant_scopes_;
  GroupCounts counts_;
  UncountedGroup uncounted_;
};

absl::Status GroupCommit::Commit(const NewDisclosure& entry, CommitResult* result) {
  POSTERN_ASSIGN_OR_RETURN(const bool fresh, ClaimRequest(entry, scope_.head().last_seq + 1));
  if (!fresh) return ReadOriginal(entry, result);
  POSTERN_RETURN_IF_ERROR(Admit(entry, &result->status));
  if (!result->status.ok()) return ReleaseRequest(entry);

  POSTERN_ASSIGN_OR_RETURN(const WriteScope::Leaf leaf, scope_.AppendLeaf(entry.audit_leaf));
  const int64_t seq = scope_.NextSeq();
  POSTERN_RETURN_IF_ERROR(Insert(entry, seq, leaf.index));
  counts_.Add(entry);
  uncounted_.Add(seq, entry.observation);
  result->seq = seq;
  result->id = entry.id;
  result->leaf_index = leaf.index;
  result->leaf_hash = leaf.hash;
  result->time = entry.time;
  return absl::OkStatus();
}

// One descent of the tree for both questions: was the request there, and if not, now it is.
absl::StatusOr<bool> GroupCommit::ClaimRequest(const NewDisclosure& entry, int64_t seq) {
  POSTERN_RETURN_IF_ERROR(
      Query(db_,
            "INSERT INTO request(request_id, principal, target, content_digest, seq) VALUES(?, ?, ?, ?, ?) "
            "ON CONFLICT DO NOTHING")
          .Bind(View(entry.request_id))
          .Bind(View(entry.principal))
          .Bind(View(entry.target))
          .Bind(View(entry.content_digest))
          .Bind(seq)
          .Run());
  return db_.changes() == 1;
}

absl::Status GroupCommit::ReleaseRequest(const NewDisclosure& entry) {
  return Query(db_, "DELETE FROM request WHERE request_id = ? AND principal = ? AND target = ?")
      .Bind(View(entry.request_id))
      .Bind(View(entry.principal))
      .Bind(View(entry.target))
      .Run();
}

absl::Status GroupCommit::ReadOriginal(const NewDisclosure& entry, CommitResult* result) {
  POSTERN_ASSIGN_OR_RETURN(std::optional<CommittedRequest> original,
                           FindRequestFrom(db_, {entry.principal, entry.request_id, entry.target}));
  if (!original.has_value()) return errors::Inconsistent("a request names no disclosure");
  if (!crypto::ConstantTimeEquals(View(original->content_digest), View(entry.content_digest))) {
    result->status = errors::RequestIdReused();
    return absl::OkStatus();
  }
  *result = std::move(original->result);
  return absl::OkStatus();
}

absl::Status GroupCommit::Admit(const NewDisclosure& entry, absl::Status* verdict) {
  *verdict = CheckFences(scope_.fences(), entry);
  if (!verdict->ok()) return absl::OkStatus();
  if (!entry.has_record_version) return absl::OkStatus();
  POSTERN_ASSIGN_OR_RETURN(const bool newer, AdvanceVersion(entry));
  if (!newer && !base::FailpointSkips("record_version.skip")) *verdict = errors::RecordVersionStale();
  return absl::OkStatus();
}

absl::StatusOr<bool> GroupCommit::AdvanceVersion(const NewDisclosure& entry) {
  POSTERN_ASSIGN_OR_RETURN(const int64_t version_scope, ScopeOfGrant(db_, entry.grant, &grant_scopes_));
  return scope_.record_versions().Advance(db_, version_scope, entry.record_key, entry.record_version);
}

absl::Status GroupCommit::Insert(const NewDisclosure& entry, int64_t seq, uint64_t leaf_index) {
  Query query(
      db_,
      "INSERT INTO disclosure(seq, id, partner, grant_id, lane, exchange, time, record_key, record_version, subjects, "
      "key_ids, order_mac, handle, withheld, sealed_salt, leaf_index, request_id) "
      "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
  query.Bind(seq)
      .Bind(View(entry.id))
      .Bind(entry.partner)
      .Bind(entry.grant)
      .Bind(entry.lane)
      .Bind(entry.exchange ? 1 : 0)
      .Bind(PackTime(entry.time))
      .Bind(View(entry.record_key));
  if (entry.has_record_version) {
    query.Bind(static_cast<int64_t>(entry.record_version));
  } else {
    query.BindNull();
  }
  POSTERN_RETURN_IF_ERROR(query.Bind(PackMacs(entry.subjects))
                              .Bind(PackUuids(entry.key_ids))
                              .Bind(View(entry.order))
                              .Bind(View(entry.handle))
                              .Bind(PackWords(entry.withheld_bits))
                              .Bind(entry.sealed_salt)
                              .Bind(static_cast<int64_t>(leaf_index))
                              .Bind(View(entry.request_id))
                              .Run());
  if (entry.exchange) {
    return Query(db_, "INSERT INTO open_exchange(queue_key) VALUES(?)").Bind(QueueKey(entry.partner, seq)).Run();
  }
  return Query(db_, "INSERT INTO pending(queue_key, sealed_payload) VALUES(?, ?)")
      .Bind(QueueKey(entry.partner, seq))
      .Bind(entry.sealed_payload)
      .Run();
}

absl::Status GroupCommit::WriteCounts() {
  POSTERN_RETURN_IF_ERROR(counts_.Write(scope_));
  return uncounted_.Write(scope_);
}

}  // namespace

absl::Status CommitGroupIn(SqliteWriteScope& scope, GrantScopes& grant_scopes, absl::Span<const NewDisclosure> group,
                           absl::Span<const DispatchMark> marks, std::vector<CommitResult>* results) {
  results->assign(group.size(), CommitResult{});
  GroupCommit commit(scope, grant_scopes);
  for (size_t i = 0; i < group.size(); ++i) POSTERN_RETURN_IF_ERROR(commit.Commit(group[i], &(*results)[i]));
  POSTERN_RETURN_IF_ERROR(commit.WriteCounts());
  for (const DispatchMark& mark : marks) POSTERN_RETURN_IF_ERROR(MoveDispatchMark(scope, mark).status());
  return absl::OkStatus();
}

}  // namespace postern::storage
