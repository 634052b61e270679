// What stood out in partners' use, and what partners were seen with.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/storage/sql/write_scope.h"
#include "server/storage/supervision_rows.h"

namespace postern::storage {

absl::Status WriteFinding(WriteScope& scope, const FindingRow& row);
absl::Status WriteSeen(WriteScope& scope, const SeenRow& row);

// As the methods of SupervisionReads.
absl::StatusOr<std::vector<FindingRow>> ListFindingsFrom(Connection& db, absl::string_view partner, int64_t before,
                                                         int limit);
absl::StatusOr<std::vector<SeenRow>> ListSeenFrom(Connection& db);

}  // namespace postern::storage
