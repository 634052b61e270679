// What speaks against an entry that is to be committed, whatever the database.
#pragma once

#include "absl/status/status.h"
#include "server/storage/sql/fence_table.h"
#include "server/storage/store.h"

namespace postern::storage {

// FENCED if one of its fences was raised after it was authorised.
absl::Status CheckFences(const FenceTable& fences, const NewDisclosure& entry);

}  // namespace postern::storage
