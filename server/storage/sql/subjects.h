// Records and requests of subjects: rows around serialised resources.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/storage/sql/write_scope.h"
#include "server/storage/subject_rows.h"

namespace postern::storage {

absl::Status WriteSubjectRecord(WriteScope& scope, const SubjectRecordRow& row);
absl::Status WriteSubjectRequest(WriteScope& scope, const SubjectRequestRow& row);

// As the methods of SubjectReads.
absl::StatusOr<std::vector<SubjectRecordRow>> ListSubjectRecordsFrom(Connection& db, int64_t after, int limit);
absl::StatusOr<std::vector<SubjectRecordRow>> ReadSubjectRecordsFrom(Connection& db, const Mac16& subject);
absl::StatusOr<SubjectRequestRow> ReadSubjectRequestFrom(Connection& db, absl::string_view name);
absl::StatusOr<SubjectRequestRow> FindSubjectRequestIn(Connection& db, const Mac16& principal,
                                                       const crypto::Uuid& request_id);
absl::StatusOr<std::vector<SubjectRequestRow>> ListSubjectRequestsFrom(Connection& db, bool open_only, int64_t offset,
                                                                       int limit);

}  // namespace postern::storage
