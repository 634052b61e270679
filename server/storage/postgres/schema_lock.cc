#include "server/storage/postgres/schema_lock.h"

#include "absl/time/clock.h"
#include "proto/errors/error.h"

namespace postern::storage {
namespace {

constexpr absl::Duration kRetry = absl::Milliseconds(5);

}  // namespace

absl::StatusOr<bool> TakeSchemaLock(PostgresConnection& db, absl::string_view schema, absl::Duration wait) {
  const absl::Time deadline = absl::Now() + wait;
  while (true) {
    Query query(db, "SELECT pg_try_advisory_lock(hashtextextended('postern:' || ?, 0))");
    query.BindText(schema);
    const bool taken = query.Next() && query.Int(0) != 0;
    POSTERN_RETURN_IF_ERROR(query.status());
    if (taken || absl::Now() >= deadline) return taken;
    absl::SleepFor(kRetry);
  }
}

}  // namespace postern::storage
