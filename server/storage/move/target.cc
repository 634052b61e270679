#include "server/storage/move/target.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/storage/errors.h"
#include "server/storage/postgres/move_marker.h"
#include "server/storage/postgres/postgres_store.h"
#include "server/storage/postgres/schema.h"
#include "server/storage/postgres/schema_lock.h"
#include "server/storage/postgres/server_check.h"

namespace postern::storage {
namespace {

// Of one statement: some walk the whole ledger.
constexpr absl::Duration kWalkTimeout = absl::Hours(24);

// For a session that has just ended.
constexpr absl::Duration kLockWait = absl::Seconds(2);

// Sessions that serve have plans which follow from the indexes alone; here whole tables are joined.
constexpr char kPlans[] =
    "SET enable_seqscan = on; SET enable_bitmapscan = on; SET enable_hashjoin = on; SET enable_mergejoin = on";

// A schema with a ledger that was ever used is never written over.
absl::Status CheckUnused(PostgresConnection& db, const std::string& schema) {
  POSTERN_ASSIGN_OR_RETURN(const int version, ReadPostgresSchemaVersion(db));
  if (version == 0) return absl::OkStatus();
  Query query(db,
              "SELECT 1 FROM tree_head WHERE size <> 0 UNION ALL SELECT 1 FROM partner UNION ALL SELECT 1 FROM bundle");
  const bool used = query.Next();
  POSTERN_RETURN_IF_ERROR(query.status());
  return used ? errors::SchemaNotEmpty(schema) : absl::OkStatus();
}

struct Identity {
  std::string table;
  std::string column;
};

absl::StatusOr<std::vector<Identity>> ListIdentities(PostgresConnection& db, const std::string& schema) {
  std::vector<Identity> identities;
  Query query(db,
              "SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = ? AND "
              "is_identity = 'YES'");
  query.BindText(schema);
  while (query.Next()) identities.push_back({query.String(0), query.String(1)});
  POSTERN_RETURN_IF_ERROR(query.status());
  return identities;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PostgresConnection>> OpenTarget(const std::string& conninfo, const std::string& schema,
                                                               const crypto::Uuid& instance) {
  POSTERN_RETURN_IF_ERROR(CheckConninfo(conninfo));
  POSTERN_RETURN_IF_ERROR(CheckSchemaName(schema));
  SessionOptions session;
  session.conninfo = conninfo;
  session.schema = schema;
  session.application_name = "posternd-move";
  session.statement_timeout = kWalkTimeout;
  POSTERN_ASSIGN_OR_RETURN(std::unique_ptr<PostgresConnection> db, PostgresConnection::Open(session));
  POSTERN_RETURN_IF_ERROR(CheckServer(*db));
  POSTERN_ASSIGN_OR_RETURN(const bool locked, TakeSchemaLock(*db, schema, kLockWait));
  if (!locked) return errors::SchemaInUse(schema);
  POSTERN_ASSIGN_OR_RETURN(const std::string moving, ReadMoveMarker(*db));
  if (!moving.empty() && moving != instance.AsBytes()) return errors::SchemaNotEmpty(schema);
  if (moving.empty()) POSTERN_RETURN_IF_ERROR(CheckUnused(*db, schema));
  POSTERN_RETURN_IF_ERROR(MigratePostgres(*db, schema).status());
  if (moving.empty()) POSTERN_RETURN_IF_ERROR(SetMoveMarker(*db, instance));
  POSTERN_RETURN_IF_ERROR(db->Execute(kPlans, "set up a move"));
  return db;
}

absl::Status ReleaseTarget(PostgresConnection& target) {
  return RemoveMoveMarker(target);
}

absl::Status IndexSubjects(PostgresConnection& target, int64_t after, int64_t upto) {
  return Query(target,
               "INSERT INTO disclosure_subject(subject, seq) "
               "SELECT substring(d.subjects FROM 1 + 16 * n.number FOR 16), d.seq FROM disclosure d, "
               "LATERAL generate_series(0, length(d.subjects) / 16 - 1) AS n(number) WHERE d.seq > ?1 AND d.seq <= ?2 "
               "UNION SELECT d.order_mac, d.seq FROM disclosure d WHERE d.seq > ?1 AND d.seq <= ?2")
      .Bind(after)
      .Bind(upto)
      .Run();
}

absl::Status DeriveRecordVersions(Connection& source, PostgresConnection& target) {
  POSTERN_RETURN_IF_ERROR(target.Execute("BEGIN; TRUNCATE record_version", "empty a table"));
  // Versions are unsigned: with the highest bit turned over they compare as what they are.
  POSTERN_RETURN_IF_ERROR(
      Query(target,
            "INSERT INTO record_version(scope, record_key, version, free) SELECT g.scope, d.record_key, "
            "max(d.record_version # (1::bigint << 63)) # (1::bigint << 63), 0 FROM disclosure d "
            "JOIN grant_ref g ON g.id = d.grant_id WHERE d.record_version IS NOT NULL GROUP BY 1, 2")
          .Run());
  Query free(source, "SELECT scope, record_key, version FROM record_version_free");
  while (free.Next()) {
    POSTERN_RETURN_IF_ERROR(Query(target,
                                  "INSERT INTO record_version(scope, record_key, version, free) VALUES(?, ?, ?, 1) "
                                  "ON CONFLICT(scope, record_key) DO UPDATE SET version = excluded.version, free = 1")
                                .Bind(free.Int(0))
                                .Bind(free.Bytes(1))
                                .Bind(free.Int(2))
                                .Run());
  }
  POSTERN_RETURN_IF_ERROR(free.status());
  return target.Execute("COMMIT", "write record versions");
}

absl::Status GoOnCounting(Connection& source, PostgresConnection& target, const std::string& schema) {
  POSTERN_ASSIGN_OR_RETURN(const std::vector<Identity> identities, ListIdentities(target, schema));
  for (const Identity& identity : identities) {
    // SQLite keeps count only of what is never to be given out again.
    Query query(source, "SELECT seq FROM sqlite_sequence WHERE name = ?");
    query.BindText(identity.table);
    const int64_t given_out = query.Next() ? query.Int(0) : 0;
    POSTERN_RETURN_IF_ERROR(query.status());
    const std::string set = absl::StrCat("SELECT setval(pg_get_serial_sequence('", identity.table, "', '",
                                         identity.column, "'), greatest(coalesce(max(\"", identity.column, "\"), 0), ",
                                         given_out, ") + 1, false) FROM ", identity.table);
    POSTERN_RETURN_IF_ERROR(target.Execute(set.c_str(), "go on counting"));
  }
  return absl::OkStatus();
}

}  // namespace postern::storage
