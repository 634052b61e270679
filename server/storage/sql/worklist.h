// Tables of what people ask and complain of. Each row is a resource with a name and a due time, made once for each
// request id of a principal, and listed by rank: what ended last, what is urgent first.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/errors/error.h"
#include "server/storage/sql/packing.h"
#include "server/storage/sql/read_rows.h"

namespace postern::storage {

// Lists of open ones end above this rank, and lists of all above the next.
inline constexpr int64_t kOpenRank = 0;
inline constexpr int64_t kEndedRank = 1;

// Runs an insertion of name, principal, request id, rank, due time and resource, in that order.
template <typename Row, typename Resource>
absl::Status RunWorklistInsert(Query& query, const Row& row, const Resource& resource, int64_t rank) {
  return query.BindText(resource.name())
      .Bind(View(row.principal))
      .Bind(View(row.request_id))
      .Bind(rank)
      .Bind(PackTime(absl::FromUnixSeconds(resource.expected_by().seconds())))
      .Bind(resource.SerializeAsString())
      .Run();
}

// The row of the columns principal, request id and resource.
template <typename Row, typename Resource>
absl::StatusOr<Row> ReadWorklistRow(const Query& query, Resource Row::*resource) {
  Row row;
  POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(0), &row.principal));
  POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(1), &row.request_id));
  POSTERN_RETURN_IF_ERROR(Parse(query.Bytes(2), &(row.*resource)));
  return row;
}

// Binds the bounds of a page: greatest rank, limit, offset.
inline Query& BindWorklistPage(Query& query, bool open_only, int64_t offset, int limit) {
  return query.Bind(open_only ? kOpenRank : kEndedRank).Bind(limit).Bind(offset);
}

}  // namespace postern::storage
