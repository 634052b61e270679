#include "server/storage/postgres/server_check.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/storage/postgres/failure.h"

namespace postern::storage {
namespace {

absl::Status Require(absl::string_view name, absl::string_view found, absl::string_view required) {
  return found == required ? absl::OkStatus()
                           : PostgresUnfit(absl::StrCat(name, " is ", found, ", must be ", required));
}

}  // namespace

absl::Status CheckServer(PostgresConnection& db) {
  Query query(db,
              "SELECT CAST(current_setting('server_version_num') AS bigint), current_setting('server_encoding'), "
              "current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit'), "
              "pg_is_in_recovery()");
  if (!query.Next()) return query.status().ok() ? PostgresFailed("read the settings", "") : query.status();
  if (query.Int(0) < kMinServerVersion) {
    return PostgresUnfit(absl::StrCat("its version is ", query.Int(0) / 10000, ", 15 is needed"));
  }
  POSTERN_RETURN_IF_ERROR(Require("server_encoding", query.Bytes(1), "UTF8"));
  POSTERN_RETURN_IF_ERROR(Require("fsync", query.Bytes(2), "on"));
  POSTERN_RETURN_IF_ERROR(Require("full_page_writes", query.Bytes(3), "on"));
  // remote_apply waits for more than `on` does; the others for less.
  if (query.Bytes(4) != "remote_apply") POSTERN_RETURN_IF_ERROR(Require("synchronous_commit", query.Bytes(4), "on"));
  return query.Int(5) == 0 ? absl::OkStatus() : PostgresUnfit("it is a standby, which cannot be written");
}

}  // namespace postern::storage
