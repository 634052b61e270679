#include "server/storage/errors.h"

#include <sqlite3.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"

namespace postern::storage::errors {
namespace {

std::string CauseOf(int code) {
  if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC) return "fsync_failed";
  if (code == SQLITE_IOERR_DATA) return "corrupt";
  switch (code & 0xff) {
    case SQLITE_FULL:
      return "disk_full";
    case SQLITE_IOERR:
      return "io_error";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return "corrupt";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "busy";
    case SQLITE_READONLY:
      return "read_only";
    case SQLITE_CANTOPEN:
      return "cannot_open";
    case SQLITE_NOMEM:
      return "out_of_memory";
    default:
      return absl::StrCat("sqlite_", code);
  }
}

absl::string_view KindName(FenceScope::Kind kind) {
  switch (kind) {
    case FenceScope::Kind::kPartner:
      return "partner";
    case FenceScope::Kind::kSubject:
      return "subject";
    case FenceScope::Kind::kRecordKey:
      return "record_key";
  }
  return "unknown";
}

}  // namespace

absl::Status LedgerUnavailable(absl::string_view operation, absl::string_view cause) {
  return MakeError(v1::ERROR_REASON_LEDGER_UNAVAILABLE, absl::StrCat("ledger: ", operation, " failed: ", cause),
                   {{"cause", cause}});
}

absl::Status SqliteFailed(absl::string_view operation, int code) {
  if ((code & 0xff) == SQLITE_CONSTRAINT) {
    return absl::InternalError(absl::StrCat("ledger: ", operation, " violates a constraint (SQLite code ", code, ")"));
  }
  return LedgerUnavailable(operation, CauseOf(code));
}

absl::Status Fenced(FenceScope::Kind kind) {
  return MakeError(v1::ERROR_REASON_FENCED, "the authorisation was overtaken by a revocation",
                   {{"scope", KindName(kind)}});
}

absl::Status RecordVersionStale() {
  return MakeError(v1::ERROR_REASON_RECORD_VERSION_STALE,
                   "this version of the record, or a newer one, waits for the partner or was handed over already");
}

absl::Status RequestIdReused() {
  return MakeError(v1::ERROR_REASON_REQUEST_ID_REUSED, "the request id was used with other content");
}

absl::Status EtagMismatch(absl::string_view name) {
  return MakeError(v1::ERROR_REASON_ETAG_MISMATCH, absl::StrCat(name, " has changed; read it again"), {{"name", name}});
}

absl::Status PartnerExists(absl::string_view name) {
  return MakeError(v1::ERROR_REASON_ALREADY_EXISTS, absl::StrCat(name, " exists already"), {{"name", name}});
}

absl::Status PartnerUnknown(absl::string_view name) {
  return MakeError(v1::ERROR_REASON_PARTNER_UNKNOWN, absl::StrCat("no such partner: ", name), {{"name", name}});
}

absl::Status ResultRepeated() {
  return MakeError(v1::ERROR_REASON_ALREADY_EXISTS, "this result was submitted already");
}

absl::Status NotFound(absl::string_view what) {
  return MakeError(v1::ERROR_REASON_NOT_FOUND, absl::StrCat("no such ", what), {{"kind", what}});
}

absl::Status LaneSpanUnsupported() {
  return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT,
                   "this store serves one gateway, which owns every lane of a partner");
}

absl::Status DirectoryInUse(absl::string_view path) {
  return absl::FailedPreconditionError(absl::StrCat("data directory ", path, " is in use by another process"));
}

absl::Status SchemaInUse(absl::string_view schema) {
  return absl::FailedPreconditionError(absl::StrCat("database schema ", schema, " is in use by another gateway"));
}

absl::Status MoveUnfinished(absl::string_view schema) {
  return absl::FailedPreconditionError(absl::StrCat(
      "database schema ", schema, " holds a ledger that is being moved into it and is not all there: move it again"));
}

absl::Status SchemaNotEmpty(absl::string_view schema) {
  return absl::FailedPreconditionError(
      absl::StrCat("database schema ", schema, " holds a ledger already: it is never written over"));
}

absl::Status SchemaTooOld(int found, int known) {
  return absl::FailedPreconditionError(
      absl::StrCat("the store has schema version ", found, ", and this release has ", known, ": migrate it first"));
}

absl::Status PathExposed(absl::string_view path, absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat(path, " ", why));
}

absl::Status PathUnusable(absl::string_view path, absl::string_view operation, int error_number) {
  return LedgerUnavailable(absl::StrCat(operation, " ", path), absl::StrCat("errno_", error_number));
}

absl::Status SchemaTooNew(int found, int known) {
  return absl::FailedPreconditionError(
      absl::StrCat("the store has schema version ", found, "; this release knows versions up to ", known));
}

absl::Status Inconsistent(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("ledger: ", what));
}

}  // namespace postern::storage::errors
