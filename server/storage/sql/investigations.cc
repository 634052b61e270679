#include "server/storage/sql/investigations.h"

#include "server/storage/sql/packing.h"
#include "server/storage/sql/worklist.h"

namespace postern::storage {
namespace {

// The column 'rank', which the worklist is ordered by first.
int64_t RankOf(const v1::Investigation& investigation) {
  if (investigation.state() == v1::Investigation::STATE_RESOLVED) return kEndedRank;
  return investigation.urgent() ? kOpenRank - 1 : kOpenRank;
}

absl::StatusOr<InvestigationRow> Current(const Query& query) {
  return ReadWorklistRow(query, &InvestigationRow::investigation);
}

}  // namespace

absl::Status WriteInvestigation(WriteScope& scope, const InvestigationRow& row) {
  Query query(scope.db(),
              "INSERT INTO investigation(name, principal, request_id, rank, due, resource) VALUES(?, ?, ?, ?, ?, ?) "
              "ON CONFLICT(name) DO UPDATE SET rank = excluded.rank, due = excluded.due, resource = "
              "excluded.resource");
  return RunWorklistInsert(query, row, row.investigation, RankOf(row.investigation));
}

absl::StatusOr<InvestigationRow> ReadInvestigationFrom(Connection& db, absl::string_view name) {
  Query query(db, "SELECT principal, request_id, resource FROM investigation WHERE name = ?");
  query.BindText(name);
  return ReadExisting(query, Current, name);
}

absl::StatusOr<InvestigationRow> FindInvestigationIn(Connection& db, const Mac16& principal,
                                                     const crypto::Uuid& request_id) {
  Query query(db, "SELECT principal, request_id, resource FROM investigation WHERE request_id = ? AND principal = ?");
  query.Bind(View(request_id)).Bind(View(principal));
  return ReadExisting(query, Current, "investigation");
}

absl::StatusOr<std::vector<InvestigationRow>> ListInvestigationsFrom(Connection& db, bool open_only, int64_t offset,
                                                                     int limit) {
  Query query(db,
              "SELECT principal, request_id, resource FROM investigation WHERE rank <= ? ORDER BY rank, due, row "
              "LIMIT ? OFFSET ?");
  return ReadAll(BindWorklistPage(query, open_only, offset, limit), Current);
}

}  // namespace postern::storage
