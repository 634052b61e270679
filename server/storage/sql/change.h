// Store::Apply, inside a write transaction.
#pragma once

#include "absl/status/status.h"
#include "server/storage/sql/write_scope.h"
#include "server/storage/store.h"

namespace postern::storage {

// Fills everything of `applied` but the fence version, which is known after the commit.
absl::Status ApplyIn(WriteScope& scope, const ChangeSet& change, AppliedChange* applied);

}  // namespace postern::storage
