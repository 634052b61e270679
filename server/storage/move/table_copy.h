// Copying one table, in transactions of some thousand rows.
#pragma once

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "server/storage/move/table_plan.h"
#include "server/storage/postgres/connection.h"

namespace postern::storage {

// Told how many rows are there, and how many there will be.
using RowProgress = absl::FunctionRef<void(int64_t done, int64_t all)>;
// Run within the transaction of every batch that was added to an appended table, whose keys are above `after` and up to
// `upto`.
using BatchHook = absl::FunctionRef<absl::Status(int64_t after, int64_t upto)>;

// Makes the target's table what the source's is, whatever an interrupted copy has left there: an appended table goes on
// where it ended, unless the target has what the source has not; any other is emptied first.
absl::Status CopyTable(Connection& source, PostgresConnection& target, const TablePlan& plan, BatchHook on_batch,
                       RowProgress progress);

}  // namespace postern::storage
