#include "server/storage/sql/subjects.h"

#include "proto/errors/error.h"
#include "server/base/failpoint.h"
#include "server/storage/sql/packing.h"
#include "server/storage/sql/worklist.h"

namespace postern::storage {
namespace {

// The column 'ended', which requests are listed by first.
int64_t RankOf(const v1::SubjectRequest& request) {
  if (request.has_end_time()) return kEndedRank;
  return request.guardian().empty() || base::FailpointSkips("guardian_first.skip") ? kOpenRank : kOpenRank - 1;
}

absl::StatusOr<SubjectRecordRow> CurrentRecord(const Query& query) {
  SubjectRecordRow row;
  row.row = query.Int(0);
  POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(1), &row.subject));
  row.kind = static_cast<SubjectRecordRow::Kind>(query.Int(2));
  row.key = query.String(3);
  row.resource = query.String(4);
  row.work = static_cast<SubjectRecordRow::Work>(query.Int(5));
  return row;
}

absl::StatusOr<SubjectRequestRow> CurrentRequest(const Query& query) {
  return ReadWorklistRow(query, &SubjectRequestRow::request);
}

}  // namespace

absl::Status WriteSubjectRecord(WriteScope& scope, const SubjectRecordRow& row) {
  if (row.resource.empty()) {
    return Query(scope.db(), "DELETE FROM subject_record WHERE subject = ? AND kind = ? AND key = ?")
        .Bind(View(row.subject))
        .Bind(static_cast<int64_t>(row.kind))
        .BindText(row.key)
        .Run();
  }
  return Query(scope.db(),
               "INSERT INTO subject_record(subject, kind, key, resource, work) VALUES(?, ?, ?, ?, ?) "
               "ON CONFLICT(subject, kind, key) DO UPDATE SET resource = excluded.resource, work = "
               "excluded.work")
      .Bind(View(row.subject))
      .Bind(static_cast<int64_t>(row.kind))
      .BindText(row.key)
      .Bind(row.resource)
      .Bind(static_cast<int64_t>(row.work))
      .Run();
}

absl::Status WriteSubjectRequest(WriteScope& scope, const SubjectRequestRow& row) {
  Query query(scope.db(),
              "INSERT INTO subject_request(name, principal, request_id, ended, due, resource) VALUES(?, ?, ?, ?, ?, ?) "
              "ON CONFLICT(name) DO UPDATE SET ended = excluded.ended, due = excluded.due, resource = "
              "excluded.resource");
  return RunWorklistInsert(query, row, row.request, RankOf(row.request));
}

absl::StatusOr<std::vector<SubjectRecordRow>> ListSubjectRecordsFrom(Connection& db, int64_t after, int limit) {
  Query query(db,
              "SELECT row, subject, kind, key, resource, work FROM subject_record WHERE row > ? ORDER BY row LIMIT ?");
  query.Bind(after).Bind(limit);
  return ReadAll(query, CurrentRecord);
}

absl::StatusOr<std::vector<SubjectRecordRow>> ReadSubjectRecordsFrom(Connection& db, const Mac16& subject) {
  Query query(
      db, "SELECT row, subject, kind, key, resource, work FROM subject_record WHERE subject = ? ORDER BY kind, key");
  query.Bind(View(subject));
  return ReadAll(query, CurrentRecord);
}

absl::StatusOr<SubjectRequestRow> ReadSubjectRequestFrom(Connection& db, absl::string_view name) {
  Query query(db, "SELECT principal, request_id, resource FROM subject_request WHERE name = ?");
  query.BindText(name);
  return ReadExisting(query, CurrentRequest, name);
}

absl::StatusOr<SubjectRequestRow> FindSubjectRequestIn(Connection& db, const Mac16& principal,
                                                       const crypto::Uuid& request_id) {
  Query query(db, "SELECT principal, request_id, resource FROM subject_request WHERE request_id = ? AND principal = ?");
  query.Bind(View(request_id)).Bind(View(principal));
  return ReadExisting(query, CurrentRequest, "subject request");
}

absl::StatusOr<std::vector<SubjectRequestRow>> ListSubjectRequestsFrom(Connection& db, bool open_only, int64_t offset,
                                                                       int limit) {
  Query query(db,
              "SELECT principal, request_id, resource FROM subject_request WHERE ended <= ? ORDER BY ended, due, row "
              "LIMIT ? OFFSET ?");
  return ReadAll(BindWorklistPage(query, open_only, offset, limit), CurrentRequest);
}

}  // namespace postern::storage
