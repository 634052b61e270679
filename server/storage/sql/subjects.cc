#include "server/storage/sql/subjects.h"

#include <utility>

#include "proto/errors/error.h"
#include "server/base/failpoint.h"
#include "server/storage/errors.h"
#include "server/storage/sql/packing.h"

namespace postern::storage {
namespace {

constexpr int64_t kMicrosASecond = 1'000'000;

// The column 'ended', which requests are listed by first.
int64_t RankOf(const v1::SubjectRequest& request) {
  if (request.has_end_time()) return 1;
  return request.guardian().empty() || base::FailpointSkips("guardian_first.skip") ? 0 : -1;
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

absl::StatusOr<std::vector<SubjectRecordRow>> AllRecords(Query& query) {
  std::vector<SubjectRecordRow> rows;
  while (query.Next()) {
    POSTERN_ASSIGN_OR_RETURN(SubjectRecordRow row, CurrentRecord(query));
    rows.push_back(std::move(row));
  }
  POSTERN_RETURN_IF_ERROR(query.status());
  return rows;
}

absl::StatusOr<SubjectRequestRow> CurrentRequest(const Query& query) {
  SubjectRequestRow row;
  POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(0), &row.principal));
  POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(1), &row.request_id));
  if (!row.request.ParseFromString(query.String(2))) return errors::Inconsistent("a subject's request does not parse");
  return row;
}

absl::StatusOr<SubjectRequestRow> OnlyRequest(Query& query, absl::string_view name) {
  if (!query.Next()) return query.status().ok() ? errors::NotFound(name) : query.status();
  return CurrentRequest(query);
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
  return Query(
             scope.db(),
             "INSERT INTO subject_request(name, principal, request_id, ended, due, resource) VALUES(?, ?, ?, ?, ?, ?) "
             "ON CONFLICT(name) DO UPDATE SET ended = excluded.ended, due = excluded.due, resource = "
             "excluded.resource")
      .BindText(row.request.name())
      .Bind(View(row.principal))
      .Bind(View(row.request_id))
      .Bind(RankOf(row.request))
      .Bind(row.request.expected_by().seconds() * kMicrosASecond)
      .Bind(row.request.SerializeAsString())
      .Run();
}

absl::StatusOr<std::vector<SubjectRecordRow>> ListSubjectRecordsFrom(Connection& db, int64_t after, int limit) {
  Query query(db,
              "SELECT row, subject, kind, key, resource, work FROM subject_record WHERE row > ? ORDER BY row LIMIT ?");
  query.Bind(after).Bind(limit);
  return AllRecords(query);
}

absl::StatusOr<std::vector<SubjectRecordRow>> ReadSubjectRecordsFrom(Connection& db, const Mac16& subject) {
  Query query(
      db, "SELECT row, subject, kind, key, resource, work FROM subject_record WHERE subject = ? ORDER BY kind, key");
  query.Bind(View(subject));
  return AllRecords(query);
}

absl::StatusOr<SubjectRequestRow> ReadSubjectRequestFrom(Connection& db, absl::string_view name) {
  Query query(db, "SELECT principal, request_id, resource FROM subject_request WHERE name = ?");
  query.BindText(name);
  return OnlyRequest(query, name);
}

absl::StatusOr<SubjectRequestRow> FindSubjectRequestIn(Connection& db, const Mac16& principal,
                                                       const crypto::Uuid& request_id) {
  Query query(db, "SELECT principal, request_id, resource FROM subject_request WHERE request_id = ? AND principal = ?");
  query.Bind(View(request_id)).Bind(View(principal));
  return OnlyRequest(query, "subject request");
}

absl::StatusOr<std::vector<SubjectRequestRow>> ListSubjectRequestsFrom(Connection& db, bool open_only, int64_t offset,
                                                                       int limit) {
  Query query(db,
              "SELECT principal, request_id, resource FROM subject_request WHERE ended <= ? ORDER BY ended, due, row "
              "LIMIT ? OFFSET ?");
  query.Bind(open_only ? 0 : 1).Bind(limit).Bind(offset);
  std::vector<SubjectRequestRow> rows;
  while (query.Next()) {
    POSTERN_ASSIGN_OR_RETURN(SubjectRequestRow row, CurrentRequest(query));
    rows.push_back(std::move(row));
  }
  POSTERN_RETURN_IF_ERROR(query.status());
  return rows;
}

}  // namespace postern::storage
