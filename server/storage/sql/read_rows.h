// From the rows of a query to those of the store: all of them, one, or one that must be there.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/errors/error.h"
#include "server/storage/errors.h"
#include "server/storage/sql/connection.h"

namespace postern::storage {

// DATA_LOSS if a stored message does not parse.
template <typename Message>
absl::Status Parse(absl::string_view bytes, Message* message) {
  return message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))
             ? absl::OkStatus()
             : errors::Inconsistent("a stored resource does not parse");
}

// Every row of `query`, made by `read`.
template <typename Row>
absl::StatusOr<std::vector<Row>> ReadAll(Query& query, absl::StatusOr<Row> (*read)(const Query&)) {
  std::vector<Row> rows;
  while (query.Next()) {
    POSTERN_ASSIGN_OR_RETURN(Row row, read(query));
    rows.push_back(std::move(row));
  }
  POSTERN_RETURN_IF_ERROR(query.status());
  return rows;
}

// The only row of `query`, if there is one.
template <typename Row>
absl::StatusOr<std::optional<Row>> ReadOne(Query& query, absl::StatusOr<Row> (*read)(const Query&)) {
  POSTERN_ASSIGN_OR_RETURN(std::vector<Row> rows, ReadAll(query, read));
  if (rows.empty()) return std::optional<Row>();
  return std::optional<Row>(std::move(rows.front()));
}

// The only row of `query`; NOT_FOUND names `what` if there is none.
template <typename Row>
absl::StatusOr<Row> ReadExisting(Query& query, absl::StatusOr<Row> (*read)(const Query&), absl::string_view what) {
  POSTERN_ASSIGN_OR_RETURN(std::optional<Row> row, ReadOne(query, read));
  if (!row) return errors::NotFound(what);
  return *std::move(row);
}

}  // namespace postern::storage
