#include "server/storage/sql/upkeep.h"

#include <string>
#include <vector>

#include "proto/errors/error.h"
#include "server/storage/sql/packing.h"

namespace postern::storage {
namespace {

// A request id is good for 24 hours of its own time; an hour more for the clocks.
constexpr absl::Duration kRequestLifetime = absl::Hours(25);
// Rows that one transaction deletes: a commit that comes meanwhile waits for it, some milliseconds.
constexpr int kSlice = 500;

// The smallest request id (UUIDv7) of a time.
std::string RequestIdBound(absl::Time time) {
  std::string bound(16, '\0');
  const int64_t millis = absl::ToUnixMillis(time);
  for (int i = 0; i < 6; ++i) bound[static_cast<size_t>(i)] = static_cast<char>(millis >> (8 * (5 - i)));
  return bound;
}

// Runs `write_slice` in transactions of its own until it has nothing left. It returns the number of rows it deleted.
absl::Status InSlices(WriteFunction write, absl::FunctionRef<absl::StatusOr<int64_t>(WriteScope&)> write_slice) {
  int64_t deleted = 0;
  do {
    const absl::Status status = write([&](WriteScope& scope) -> absl::Status {
      POSTERN_ASSIGN_OR_RETURN(deleted, write_slice(scope));
      return absl::OkStatus();
    });
    POSTERN_RETURN_IF_ERROR(status);
  } while (deleted > 0);
  return absl::OkStatus();
}

struct Backlog {
  PartnerId partner = 0;
  int64_t upto = 0;
};

}  // namespace

absl::StatusOr<bool> SweepEndedBacklogs(ReadFunction read, WriteFunction write) {
  std::vector<Backlog> backlogs;
  POSTERN_RETURN_IF_ERROR(read([&](Connection& db) {
    backlogs.clear();
    Query query(db, "SELECT partner, upto FROM backlog_end WHERE swept = 0");
    while (query.Next()) backlogs.push_back({query.Int(0), query.Int(1)});
    return query.status();
  }));
  for (const Backlog& backlog : backlogs) {
    const int64_t first = QueueKey(backlog.partner, 0);
    const int64_t last = QueueKey(backlog.partner, backlog.upto);
    const auto sweep_slice = [&](WriteScope& scope) -> absl::StatusOr<int64_t> {
      POSTERN_RETURN_IF_ERROR(Query(scope.db(),
                                    "DELETE FROM pending WHERE queue_key IN "
                                    "(SELECT queue_key FROM pending WHERE queue_key >= ? AND queue_key <= ? LIMIT ?)")
                                  .Bind(first)
                                  .Bind(last)
                                  .Bind(kSlice)
                                  .Run());
      return scope.db().changes();
    };
    POSTERN_RETURN_IF_ERROR(InSlices(write, sweep_slice));
    const absl::Status swept = write([&](WriteScope& scope) -> absl::Status {
      POSTERN_RETURN_IF_ERROR(Query(scope.db(), "DELETE FROM dead_letter WHERE queue_key >= ? AND queue_key <= ?")
                                  .Bind(first)
                                  .Bind(last)
                                  .Run());
      return Query(scope.db(), "UPDATE backlog_end SET swept = 1 WHERE partner = ? AND upto = ?")
          .Bind(backlog.partner)
          .Bind(backlog.upto)
          .Run();
    });
    POSTERN_RETURN_IF_ERROR(swept);
  }
  return !backlogs.empty();
}

absl::Status ExpireRequests(WriteFunction write, absl::Time now) {
  const std::string bound = RequestIdBound(now - kRequestLifetime);
  return InSlices(write, [&](WriteScope& scope) -> absl::StatusOr<int64_t> {
    POSTERN_RETURN_IF_ERROR(
        Query(scope.db(),
              "DELETE FROM request WHERE request_id < ?1 AND request_id <= coalesce("
              "(SELECT request_id FROM request WHERE request_id < ?1 ORDER BY request_id LIMIT 1 OFFSET ?2), ?1)")
            .Bind(bound)
            .Bind(kSlice)
            .Run());
    return scope.db().changes();
  });
}

}  // namespace postern::storage
