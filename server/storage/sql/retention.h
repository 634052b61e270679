// Orders whose data has a term.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/storage/retention_rows.h"
#include "server/storage/sql/write_scope.h"

namespace postern::storage {

absl::Status WriteRetentionOrder(WriteScope& scope, const RetentionOrderRow& row);
// Makes the order due at once, unless it is closed.
absl::Status WakeRetentionOrder(WriteScope& scope, const Mac16& order);
absl::Status WriteRetentionTotals(WriteScope& scope, const std::string& totals);

// As the methods of RetentionReads.
absl::StatusOr<std::vector<RetentionOrderRow>> ListDueOrdersFrom(Connection& db, absl::Time time, int limit);
absl::StatusOr<RetentionReads::RetentionCounts> CountOrdersFrom(Connection& db, absl::Time until);
absl::StatusOr<std::string> ReadRetentionTotalsFrom(Connection& db);

}  // namespace postern::storage
