// Settlement, inside a write transaction: what ends a disclosure, and the outcome feed that tells of it.
#pragma once

#include "absl/status/status.h"
#include "server/storage/sql/write_scope.h"
#include "server/storage/store.h"

namespace postern::storage {

// As Store::Settle, for one batch. Positions that are settled already are passed over; only an exchange whose outcome
// was unknown can be settled again. NOT_FOUND for a position that is not the partner's.
absl::Status SettleIn(WriteScope& scope, const SettleBatch& batch);

// As ChangeSet::end_backlog.
absl::Status EndBacklogIn(WriteScope& scope, const ChangeSet::EndBacklog& end);

// Adds a partner's result to the outcome feed. NOT_FOUND, ALREADY_EXISTS, or REQUEST_ID_REUSED if the content differs.
absl::Status SubmitResultIn(WriteScope& scope, const ChangeSet::SubmittedResult& result);

// Makes a dead letter pending again; returns its new position. NOT_FOUND.
absl::StatusOr<int64_t> ReplayDeadLetterIn(WriteScope& scope, const crypto::Uuid& id);
// Drops its payload. NOT_FOUND.
absl::Status DropDeadLetterIn(WriteScope& scope, const crypto::Uuid& id);
// The same, and tells the shop that it was withdrawn. NOT_FOUND.
absl::Status WithdrawDeadLetterIn(WriteScope& scope, const crypto::Uuid& id, absl::string_view reason, absl::Time time);

}  // namespace postern::storage
