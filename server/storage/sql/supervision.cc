#include "server/storage/sql/supervision.h"

#include <limits>

#include "proto/errors/error.h"
#include "server/storage/sql/packing.h"
#include "server/storage/sql/read_rows.h"

namespace postern::storage {
namespace {

absl::StatusOr<FindingRow> CurrentFinding(const Query& query) {
  FindingRow row;
  row.row = query.Int(0);
  POSTERN_RETURN_IF_ERROR(Parse(query.Bytes(1), &row.finding));
  return row;
}

absl::StatusOr<SeenRow> CurrentSeen(const Query& query) {
  SeenRow row;
  row.partner = query.Int(0);
  row.kind = static_cast<SeenRow::Kind>(query.Int(1));
  POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(2), &row.digest));
  return row;
}

}  // namespace

absl::Status WriteFinding(WriteScope& scope, const FindingRow& row) {
  return Query(scope.db(), "INSERT INTO supervision_finding(partner, resource) VALUES(?, ?)")
      .BindText(row.finding.partner())
      .Bind(row.finding.SerializeAsString())
      .Run();
}

absl::Status WriteSeen(WriteScope& scope, const SeenRow& row) {
  return Query(scope.db(), "INSERT INTO supervision_seen(partner, kind, digest) VALUES(?, ?, ?) ON CONFLICT DO NOTHING")
      .Bind(row.partner)
      .Bind(static_cast<int64_t>(row.kind))
      .Bind(View(row.digest))
      .Run();
}

absl::StatusOr<std::vector<FindingRow>> ListFindingsFrom(Connection& db, absl::string_view partner, int64_t before,
                                                         int limit) {
  if (before == 0) before = std::numeric_limits<int64_t>::max();
  if (partner.empty()) {
    Query query(db, "SELECT row, resource FROM supervision_finding WHERE row < ? ORDER BY row DESC LIMIT ?");
    query.Bind(before).Bind(limit);
    return ReadAll(query, CurrentFinding);
  }
  Query query(db,
              "SELECT row, resource FROM supervision_finding WHERE partner = ? AND row < ? ORDER BY row DESC LIMIT ?");
  query.BindText(partner).Bind(before).Bind(limit);
  return ReadAll(query, CurrentFinding);
}

absl::StatusOr<std::vector<SeenRow>> ListSeenFrom(Connection& db) {
  Query query(db, "SELECT partner, kind, digest FROM supervision_seen");
  return ReadAll(query, CurrentSeen);
}

}  // namespace postern::storage
