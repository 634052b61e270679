// The group commit, inside a write transaction.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "server/storage/sql/group_commit.h"
#include "server/storage/sqlite/ledger_writer.h"
#include "server/storage/store.h"

namespace postern::storage {

// As Store::CommitGroup. Entries of one group see those before them as committed. A mark that a backlog's end overtook
// is left out.
absl::Status CommitGroupIn(SqliteWriteScope& scope, GrantScopes& grant_scopes, absl::Span<const NewDisclosure> group,
                           absl::Span<const DispatchMark> marks, std::vector<CommitResult>* results);

}  // namespace postern::storage
