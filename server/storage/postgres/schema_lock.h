// Who owns a schema: one gateway, or whoever moves a ledger into it.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/storage/postgres/connection.h"

namespace postern::storage {

// Takes the advisory lock of `schema` for as long as the session lives; false if another session still has it after
// `wait`. The server frees the lock of a session that has ended a moment after its end.
absl::StatusOr<bool> TakeSchemaLock(PostgresConnection& db, absl::string_view schema, absl::Duration wait);

}  // namespace postern::storage
