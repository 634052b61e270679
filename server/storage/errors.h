// Errors of server/storage. Resource names, counts and paths only; never what a row holds.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/storage/store.h"

namespace postern::storage::errors {

// The store cannot account. LEDGER_UNAVAILABLE with metadata "cause", a short token such as "disk_full".
absl::Status LedgerUnavailable(absl::string_view operation, absl::string_view cause);
// SQLite failed; `code` is its extended result code. LEDGER_UNAVAILABLE, but INTERNAL for a violated constraint, which
// is a defect of ours.
absl::Status SqliteFailed(absl::string_view operation, int code);

absl::Status Fenced(FenceScope::Kind kind);
absl::Status RecordVersionStale();
absl::Status RequestIdReused();

absl::Status EtagMismatch(absl::string_view name);
absl::Status PartnerExists(absl::string_view name);
absl::Status PartnerUnknown(absl::string_view name);
absl::Status ResultRepeated();
// `what` is a kind of thing, for example "disclosure".
absl::Status NotFound(absl::string_view what);
absl::Status LaneSpanUnsupported();

// FAILED_PRECONDITION: another store has the data directory.
absl::Status DirectoryInUse(absl::string_view path);
// FAILED_PRECONDITION: another gateway has the database schema.
absl::Status SchemaInUse(absl::string_view schema);
// FAILED_PRECONDITION: a ledger is being moved into it, and is not all there.
absl::Status MoveUnfinished(absl::string_view schema);
// FAILED_PRECONDITION: it holds a ledger, over which none is moved.
absl::Status SchemaNotEmpty(absl::string_view schema);
// FAILED_PRECONDITION: written by an earlier release.
absl::Status SchemaTooOld(int found, int known);
// FAILED_PRECONDITION: not a plain file or directory of this user that nobody else may access.
absl::Status PathExposed(absl::string_view path, absl::string_view why);
// LEDGER_UNAVAILABLE; `error_number` is errno.
absl::Status PathUnusable(absl::string_view path, absl::string_view operation, int error_number);
// FAILED_PRECONDITION: written by a later release.
absl::Status SchemaTooNew(int found, int known);
// DATA_LOSS.
absl::Status Inconsistent(absl::string_view what);

}  // namespace postern::storage::errors
