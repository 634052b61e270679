#include "server/storage/sql/investigations.h"

#include <utility>

#include "proto/errors/error.h"
#include "server/storage/errors.h"
#include "server/storage/sql/packing.h"

namespace postern::storage {
namespace {

constexpr int64_t kMicrosASecond = 1'000'000;

// The column 'rank', which the worklist is ordered by first.
int64_t RankOf(const v1::Investigation& investigation) {
  if (investigation.state() == v1::Investigation::STATE_RESOLVED) return 1;
  return investigation.urgent() ? -1 : 0;
}

absl::StatusOr<InvestigationRow> Current(const Query& query) {
  InvestigationRow row;
  POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(0), &row.principal));
  POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(1), &row.request_id));
  if (!row.investigation.ParseFromString(query.String(2))) {
    return errors::Inconsistent("an investigation does not parse");
  }
  return row;
}

absl::StatusOr<InvestigationRow> Only(Query& query, absl::string_view name) {
  if (!query.Next()) return query.status().ok() ? errors::NotFound(name) : query.status();
  return Current(query);
}

}  // namespace

absl::Status WriteInvestigation(WriteScope& scope, const InvestigationRow& row) {
  return Query(scope.db(),
               "INSERT INTO investigation(name, principal, request_id, rank, due, resource) VALUES(?, ?, ?, ?, ?, ?) "
               "ON CONFLICT(name) DO UPDATE SET rank = excluded.rank, due = excluded.due, resource = "
               "excluded.resource")
      .BindText(row.investigation.name())
      .Bind(View(row.principal))
      .Bind(View(row.request_id))
      .Bind(RankOf(row.investigation))
      .Bind(row.investigation.expected_by().seconds() * kMicrosASecond)
      .Bind(row.investigation.SerializeAsString())
      .Run();
}

absl::StatusOr<InvestigationRow> ReadInvestigationFrom(Connection& db, absl::string_view name) {
  Query query(db, "SELECT principal, request_id, resource FROM investigation WHERE name = ?");
  query.BindText(name);
  return Only(query, name);
}

absl::StatusOr<InvestigationRow> FindInvestigationIn(Connection& db, const Mac16& principal,
                                                     const crypto::Uuid& request_id) {
  Query query(db, "SELECT principal, request_id, resource FROM investigation WHERE request_id = ? AND principal = ?");
  query.Bind(View(request_id)).Bind(View(principal));
  return Only(query, "investigation");
}

absl::StatusOr<std::vector<InvestigationRow>> ListInvestigationsFrom(Connection& db, bool open_only, int64_t offset,
                                                                     int limit) {
  Query query(db,
              "SELECT principal, request_id, resource FROM investigation WHERE rank <= ? ORDER BY rank, due, row "
              "LIMIT ? OFFSET ?");
  query.Bind(open_only ? 0 : 1).Bind(limit).Bind(offset);
  std::vector<InvestigationRow> rows;
  while (query.Next()) {
    POSTERN_ASSIGN_OR_RETURN(InvestigationRow row, Current(query));
    rows.push_back(std::move(row));
  }
  POSTERN_RETURN_IF_ERROR(query.status());
  return rows;
}

}  // namespace postern::storage
