#include "server/storage/postgres/move_marker.h"

#include "proto/errors/error.h"

namespace postern::storage {

absl::StatusOr<std::string> ReadMoveMarker(PostgresConnection& db) {
  {
    Query exists(db, "SELECT to_regclass('store_move') IS NOT NULL");
    const bool found = exists.Next() && exists.Int(0) != 0;
    POSTERN_RETURN_IF_ERROR(exists.status());
    if (!found) return "";
  }
  Query query(db, "SELECT source FROM store_move");
  std::string source = query.Next() ? query.String(0) : "";
  POSTERN_RETURN_IF_ERROR(query.status());
  return source;
}

absl::Status SetMoveMarker(PostgresConnection& db, const crypto::Uuid& instance) {
  POSTERN_RETURN_IF_ERROR(db.Execute("BEGIN; CREATE TABLE store_move(source bytea NOT NULL)", "mark a move"));
  POSTERN_RETURN_IF_ERROR(Query(db, "INSERT INTO store_move(source) VALUES(?)").Bind(instance.AsBytes()).Run());
  return db.Execute("COMMIT", "mark a move");
}

absl::Status RemoveMoveMarker(PostgresConnection& db) {
  return db.Execute("DROP TABLE store_move", "end a move");
}

}  // namespace postern::storage
