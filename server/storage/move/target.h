// The PostgreSQL side of a move: claiming a schema, and what its ledger has in a form of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/crypto/uuid7.h"
#include "server/storage/postgres/connection.h"

namespace postern::storage {

// A session that owns the schema while it lives. The schema has the tables of this release and the marker of a move of
// the ledger `instance`. Errors as LedgerMove::Begin.
absl::StatusOr<std::unique_ptr<PostgresConnection>> OpenTarget(const std::string& conninfo, const std::string& schema,
                                                               const crypto::Uuid& instance);
// Removes the marker.
absl::Status ReleaseTarget(PostgresConnection& target);

// Adds the disclosures whose positions are above `after` and up to `upto` to the index of subjects.
absl::Status IndexSubjects(PostgresConnection& target, int64_t after, int64_t upto);
// Writes the newest version of every record, which follows from the disclosures and from what the source gave back.
absl::Status DeriveRecordVersions(Connection& source, PostgresConnection& target);
// Numbers that the database gives out go on behind those that the source gave out.
absl::Status GoOnCounting(Connection& source, PostgresConnection& target, const std::string& schema);

}  // namespace postern::storage
