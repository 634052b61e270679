// Whether a server keeps its word: what it calls committed is on disk.
#pragma once

#include "absl/status/status.h"
#include "server/storage/postgres/connection.h"

namespace postern::storage {

// The oldest release that the store is tested with.
inline constexpr int kMinServerVersion = 150000;

// FAILED_PRECONDITION names the first setting that is not as it must be: version, server_encoding, fsync,
// full_page_writes, synchronous_commit, or a server that is a standby. LEDGER_UNAVAILABLE.
absl::Status CheckServer(PostgresConnection& db);

}  // namespace postern::storage
