// The marker of a schema that a ledger is being moved into: nobody serves what is not all there.
//
// It is a table of its own, so that neither the ledger's tables nor their version know of it.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/crypto/uuid7.h"
#include "server/storage/postgres/connection.h"

namespace postern::storage {

// The instance of the ledger that is being moved into the session's schema, as bytes; empty if none is.
absl::StatusOr<std::string> ReadMoveMarker(PostgresConnection& db);

// Durable when they return.
absl::Status SetMoveMarker(PostgresConnection& db, const crypto::Uuid& instance);
absl::Status RemoveMoveMarker(PostgresConnection& db);

}  // namespace postern::storage
