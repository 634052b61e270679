// The slow walk over everything that is stored.
#pragma once

#include "absl/status/status.h"
#include "server/storage/sql/connection.h"

namespace postern::storage {

// As Store::Check, but for what is below the rows: the database's pages. Within a transaction.
absl::Status CheckLedger(Connection& db);

}  // namespace postern::storage
