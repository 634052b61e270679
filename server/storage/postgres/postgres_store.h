// The store in a schema of a PostgreSQL database (15 or later), which one gateway owns while it is open.
//
// One session writes, in libpq's pipeline mode, and holds an advisory lock; others read. A commit is durable when the
// server says so: it must run with fsync, full_page_writes and synchronous_commit on, which is verified whenever the
// writing session is opened. Whether the server fails over to a standby that has less is its operator's to rule out.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/storage/store.h"

namespace postern::storage {

struct PostgresStoreOptions {
  // As libpq takes it ("host=/run/postgresql dbname=postern" or a URI), without a password: that comes from a password
  // file (passfile, PGPASSFILE), a client certificate or the server's peer authentication.
  std::string conninfo;
  // Made if it is missing. Lower-case letters, digits and underscores.
  std::string schema = "postern";
  // Only the expiry of request ids depends on it.
  std::function<absl::Time()> clock = [] { return absl::Now(); };
  // Told how long every COMMIT took, with the writer's lock held. May be null.
  std::function<void(absl::Duration)> on_sync;
  // Sessions for reading that may be open at once.
  int readers = 4;
  // How long opening waits for a gateway that was there before to let go of the schema.
  absl::Duration lock_wait = absl::Seconds(5);
  // Of one statement. What takes longer counts as lost.
  absl::Duration statement_timeout = absl::Seconds(30);
};

// INVALID_ARGUMENT if libpq cannot read it, or if it has a password in it. Says nothing of its values.
absl::Status CheckConninfo(absl::string_view conninfo);

// INVALID_ARGUMENT unless it is a name that needs no quoting.
absl::Status CheckSchemaName(absl::string_view schema);

// Opens the store, creates or migrates it where needed. INVALID_ARGUMENT for the options; FAILED_PRECONDITION if the
// server is unfit, or if the schema is in use or of a later release; LEDGER_UNAVAILABLE if the server cannot be reached
// or fails; DATA_LOSS if the ledger contradicts itself.
absl::StatusOr<std::unique_ptr<Store>> OpenPostgresStore(const PostgresStoreOptions& options);

}  // namespace postern::storage
