#include "server/storage/sql/sql_store.h"

#include "proto/errors/error.h"
#include "server/base/failpoint.h"
#include "server/storage/errors.h"
#include "server/storage/sql/change.h"
#include "server/storage/sql/packing.h"
#include "server/storage/sql/settle.h"

namespace postern::storage {

// model: mark
absl::Status SqlStore::ReserveDispatch(absl::Span<const DispatchMark> marks) {
  POSTERN_FAILPOINT("dispatch.before");
  const absl::Status status = WriteWith([&](WriteScope& scope) -> absl::Status {
    for (const DispatchMark& mark : marks) {
      POSTERN_ASSIGN_OR_RETURN(const bool moved, MoveDispatchMark(scope, mark));
      if (!moved) return errors::Fenced(FenceScope::Kind::kPartner);
    }
    return absl::OkStatus();
  });
  POSTERN_FAILPOINT("dispatch.after");
  return status;
}

absl::Status SqlStore::Settle(absl::Span<const SettleBatch> batches) {
  POSTERN_FAILPOINT("settle.before");
  const absl::Status status = WriteWith([&](WriteScope& scope) -> absl::Status {
    for (const SettleBatch& batch : batches) POSTERN_RETURN_IF_ERROR(SettleIn(scope, batch));
    return absl::OkStatus();
  });
  POSTERN_FAILPOINT("settle.after");
  return status;
}

absl::StatusOr<AppliedChange> SqlStore::Apply(const ChangeSet& change) {
  AppliedChange applied;
  const absl::Status status = WriteWith([&](WriteScope& scope) -> absl::Status {
    applied = AppliedChange();
    POSTERN_RETURN_IF_ERROR(ApplyIn(scope, change, &applied));
    applied.fence_version = scope.fences().newest() + (change.raise_fences.empty() ? 0 : 1);
    return absl::OkStatus();
  });
  POSTERN_RETURN_IF_ERROR(status);
  if (change.end_backlog) RequestSweep();
  return applied;
}

absl::StatusOr<uint64_t> SqlStore::AppendAudit(absl::Span<const std::string> leaves) {
  uint64_t first = 0;
  POSTERN_RETURN_IF_ERROR(WriteWith([&](WriteScope& scope) {
    first = scope.head().tree.size();
    return scope.AppendLeaves(leaves);
  }));
  return first;
}

absl::StatusOr<GrantId> SqlStore::InternGrant(const GrantRef& grant) {
  return Written<GrantId>([&](WriteScope& scope) { return InternGrantIn(scope, grant); });
}

absl::StatusOr<int64_t> SqlStore::ReplayDeadLetter(const crypto::Uuid& id, absl::string_view audit_leaf) {
  return Written<int64_t>([&](WriteScope& scope) -> absl::StatusOr<int64_t> {
    POSTERN_ASSIGN_OR_RETURN(const int64_t seq, ReplayDeadLetterIn(scope, id));
    POSTERN_RETURN_IF_ERROR(scope.AppendLeaf(audit_leaf).status());
    return seq;
  });
}

absl::Status SqlStore::DropDeadLetter(const crypto::Uuid& id, absl::string_view audit_leaf) {
  return WriteWith([&](WriteScope& scope) -> absl::Status {
    POSTERN_RETURN_IF_ERROR(DropDeadLetterIn(scope, id));
    return scope.AppendLeaf(audit_leaf).status();
  });
}

absl::Status SqlStore::WithdrawDeadLetter(const crypto::Uuid& id, absl::string_view reason, absl::Time time,
                                          absl::string_view audit_leaf) {
  return WriteWith([&](WriteScope& scope) -> absl::Status {
    POSTERN_RETURN_IF_ERROR(WithdrawDeadLetterIn(scope, id, reason, time));
    return scope.AppendLeaf(audit_leaf).status();
  });
}

absl::Status SqlStore::WriteCheckpoint(absl::string_view checkpoint) {
  return WriteWith([&](WriteScope& scope) {
    return Query(scope.db(),
                 "INSERT INTO meta(key, value) VALUES('checkpoint', ?) ON CONFLICT(key) DO UPDATE SET value = "
                 "excluded.value")
        .Bind(checkpoint)
        .Run();
  });
}

absl::StatusOr<crypto::Uuid> ReadInstance(Connection& db) {
  crypto::Uuid instance;
  Query query(db, "SELECT value FROM meta WHERE key = 'instance'");
  if (!query.Next()) return query.status().ok() ? errors::Inconsistent("the store has no identity") : query.status();
  POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(0), &instance));
  return instance;
}

}  // namespace postern::storage
