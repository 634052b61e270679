// Investigations: rows around serialised resources.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/storage/investigation_rows.h"
#include "server/storage/sql/write_scope.h"

namespace postern::storage {

absl::Status WriteInvestigation(WriteScope& scope, const InvestigationRow& row);

// As the methods of InvestigationReads.
absl::StatusOr<InvestigationRow> ReadInvestigationFrom(Connection& db, absl::string_view name);
absl::StatusOr<InvestigationRow> FindInvestigationIn(Connection& db, const Mac16& principal,
                                                     const crypto::Uuid& request_id);
absl::StatusOr<std::vector<InvestigationRow>> ListInvestigationsFrom(Connection& db, bool open_only, int64_t offset,
                                                                     int limit);

}  // namespace postern::storage
