// The slow walk over everything that is stored.
#pragma once

#include "absl/status/status.h"
#include "server/storage/sqlite/connection.h"

namespace postern::storage {

// As Store::Check.
absl::Status CheckLedger(Connection& db);

}  // namespace postern::storage
