// Who owns a schema: one gateway, or whoever moves a ledger into it.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/storage/postgres/connection.h"

namespace postern::storage {

// Takes the advisory lock of `schema` for as long as the session lives; false if another session has it.
absl::StatusOr<bool> TrySchemaLock(PostgresConnection& db, absl::string_view schema);

}  // namespace postern::storage
