#include "server/storage/postgres/schema_lock.h"

#include "proto/errors/error.h"

namespace postern::storage {

absl::StatusOr<bool> TrySchemaLock(PostgresConnection& db, absl::string_view schema) {
  Query query(db, "SELECT pg_try_advisory_lock(hashtextextended('postern:' || ?, 0))");
  query.BindText(schema);
  const bool taken = query.Next() && query.Int(0) != 0;
  POSTERN_RETURN_IF_ERROR(query.status());
  return taken;
}

}  // namespace postern::storage
