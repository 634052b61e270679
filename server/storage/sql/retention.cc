#include "server/storage/sql/retention.h"

#include <limits>
#include <utility>

#include "proto/errors/error.h"
#include "server/storage/sql/packing.h"

namespace postern::storage {
namespace {

// What PackTime makes of InfiniteFuture.
constexpr int64_t kNoTime = std::numeric_limits<int64_t>::max();
constexpr int64_t kMicrosADay = int64_t{24} * 3600 * 1'000'000;

}  // namespace

absl::Status WriteRetentionOrder(WriteScope& scope, const RetentionOrderRow& row) {
  return Query(scope.db(),
               "INSERT INTO retention_order(order_mac, due, ends, closed, progress) VALUES(?, ?, ?, ?, ?) "
               "ON CONFLICT(order_mac) DO UPDATE SET due = excluded.due, ends = excluded.ends, closed = "
               "excluded.closed, progress = excluded.progress")
      .Bind(View(row.order))
      .Bind(PackTime(row.due))
      .Bind(PackTime(row.ends))
      .Bind(row.closed ? 1 : 0)
      .Bind(row.progress)
      .Run();
}

absl::Status WakeRetentionOrder(WriteScope& scope, const Mac16& order) {
  return Query(scope.db(),
               "INSERT INTO retention_order(order_mac, due, ends, closed, progress) VALUES(?, 0, ?, 0, ?) "
               "ON CONFLICT(order_mac) DO UPDATE SET due = 0 WHERE retention_order.closed = 0")
      .Bind(View(order))
      .Bind(kNoTime)
      .Bind(absl::string_view())
      .Run();
}

absl::Status WriteRetentionTotals(WriteScope& scope, const std::string& totals) {
  return Query(scope.db(),
               "INSERT INTO meta(key, value) VALUES('retention', ?) ON CONFLICT(key) DO UPDATE SET value = "
               "excluded.value")
      .Bind(totals)
      .Run();
}

absl::StatusOr<std::vector<RetentionOrderRow>> ListDueOrdersFrom(Connection& db, absl::Time time, int limit) {
  Query query(
      db,
      "SELECT order_mac, due, ends, progress FROM retention_order WHERE closed = 0 AND due <= ? ORDER BY due LIMIT ?");
  query.Bind(PackTime(time)).Bind(limit);
  std::vector<RetentionOrderRow> rows;
  while (query.Next()) {
    RetentionOrderRow& row = rows.emplace_back();
    POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(0), &row.order));
    row.due = UnpackTime(query.Int(1));
    row.ends = UnpackTime(query.Int(2));
    row.progress = query.String(3);
  }
  POSTERN_RETURN_IF_ERROR(query.status());
  return rows;
}

absl::StatusOr<RetentionReads::RetentionCounts> CountOrdersFrom(Connection& db, absl::Time until) {
  RetentionReads::RetentionCounts counts;
  {
    Query query(db,
                "SELECT count(*) FILTER (WHERE closed = 1), count(*) FILTER (WHERE closed = 0 AND ends > ?) FROM "
                "retention_order");
    query.Bind(PackTime(until));
    if (query.Next()) {
      counts.closed = query.Int(0);
      counts.later = query.Int(1);
    }
    POSTERN_RETURN_IF_ERROR(query.status());
  }
  Query query(db,
              "SELECT ends / ?, count(*) FROM retention_order WHERE closed = 0 AND ends <= ? GROUP BY 1 ORDER BY 1");
  query.Bind(kMicrosADay).Bind(PackTime(until));
  while (query.Next()) {
    counts.ends.push_back({absl::CivilDay(1970, 1, 1) + query.Int(0), query.Int(1)});
  }
  POSTERN_RETURN_IF_ERROR(query.status());
  return counts;
}

absl::StatusOr<std::string> ReadRetentionTotalsFrom(Connection& db) {
  Query query(db, "SELECT value FROM meta WHERE key = 'retention'");
  std::string totals = query.Next() ? query.String(0) : std::string();
  POSTERN_RETURN_IF_ERROR(query.status());
  return totals;
}

}  // namespace postern::storage
