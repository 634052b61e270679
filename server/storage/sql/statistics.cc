#include "server/storage/sql/statistics.h"

#include <utility>

#include "proto/errors/error.h"
#include "server/storage/errors.h"
#include "server/storage/sql/packing.h"

namespace postern::storage {
namespace {

void AppendNumber(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>(value | 0x80));
  out->push_back(static_cast<char>(value));
}

bool TakeNumber(absl::string_view* bytes, uint64_t* value) {
  *value = 0;
  for (int shift = 0; shift < 63 && !bytes->empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes->front());
    bytes->remove_prefix(1);
    *value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return true;
  }
  return false;
}

// Appends the entries of one group; false if they are malformed.
bool UnpackEntries(int64_t first, absl::string_view bytes, std::vector<UncountedDisclosure>* entries) {
  while (!bytes.empty()) {
    uint64_t above = 0;
    uint64_t size = 0;
    if (!TakeNumber(&bytes, &above) || !TakeNumber(&bytes, &size) || size > bytes.size()) return false;
    UncountedDisclosure& entry = entries->emplace_back();
    entry.seq = first + static_cast<int64_t>(above);
    entry.observation = std::string(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  return true;
}

absl::Status ReadFacts(Connection& db, UncountedDisclosure* entry) {
  Query query(db, "SELECT time, partner, grant_id, subjects, withheld FROM disclosure WHERE seq = ?");
  query.Bind(entry->seq);
  if (!query.Next())
    return query.status().ok() ? errors::Inconsistent("a disclosure to count is gone") : query.status();
  entry->time = UnpackTime(query.Int(0));
  entry->partner = query.Int(1);
  entry->grant = query.Int(2);
  std::vector<Mac16> subjects;
  POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(3), &subjects));
  if (!subjects.empty()) entry->person = subjects.front();
  return Unpack(query.Bytes(4), &entry->withheld_bits);
}

absl::Status WriteCell(WriteScope& scope, const StatisticsCellRow& row) {
  return Query(scope.db(),
               "INSERT INTO statistics_cell(period, category, purpose, partner_kind, region, tally) "
               "VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT(period, category, purpose, partner_kind, region) DO UPDATE SET "
               "tally = excluded.tally")
      .BindText(row.key.period)
      .BindText(row.key.category)
      .BindText(row.key.purpose)
      .BindText(row.key.partner_kind)
      .BindText(row.key.region)
      .Bind(row.tally.SerializeAsString())
      .Run();
}

absl::Status WritePeriod(WriteScope& scope, const StatisticsPeriodRow& row) {
  return Query(scope.db(),
               "INSERT INTO statistics_period(period, salt, closed) VALUES(?, ?, ?) "
               "ON CONFLICT(period) DO UPDATE SET salt = excluded.salt, closed = excluded.closed")
      .BindText(row.period)
      .Bind(row.closed ? absl::string_view() : View(row.salt))
      .Bind(row.closed ? 1 : 0)
      .Run();
}

}  // namespace

void UncountedGroup::Add(int64_t seq, absl::string_view observation) {
  if (entries_.empty()) first_ = seq;
  AppendNumber(static_cast<uint64_t>(seq - first_), &entries_);
  AppendNumber(observation.size(), &entries_);
  entries_.append(observation.data(), observation.size());
}

absl::Status UncountedGroup::Write(WriteScope& scope) const {
  if (entries_.empty()) return absl::OkStatus();
  return Query(scope.db(), "INSERT INTO statistics_uncounted(seq, entries) VALUES(?, ?)")
      .Bind(first_)
      .Bind(entries_)
      .Run();
}

absl::Status WriteStatistics(WriteScope& scope, const StatisticsChange& change) {
  for (const StatisticsCellRow& row : change.cells) POSTERN_RETURN_IF_ERROR(WriteCell(scope, row));
  for (const StatisticsPeriodRow& row : change.periods) POSTERN_RETURN_IF_ERROR(WritePeriod(scope, row));
  if (change.counted_to == 0) return absl::OkStatus();
  return Query(scope.db(), "DELETE FROM statistics_uncounted WHERE seq <= ?").Bind(change.counted_to).Run();
}

absl::StatusOr<std::vector<UncountedDisclosure>> ListUncountedFrom(Connection& db, int limit) {
  std::vector<UncountedDisclosure> entries;
  {
    Query query(db, "SELECT seq, entries FROM statistics_uncounted ORDER BY seq LIMIT ?");
    query.Bind(limit);
    while (static_cast<int>(entries.size()) < limit && query.Next()) {
      if (!UnpackEntries(query.Int(0), query.Bytes(1), &entries)) {
        return errors::Inconsistent("what waits to be counted is malformed");
      }
    }
    POSTERN_RETURN_IF_ERROR(query.status());
  }
  for (UncountedDisclosure& entry : entries) POSTERN_RETURN_IF_ERROR(ReadFacts(db, &entry));
  return entries;
}

absl::StatusOr<std::vector<StatisticsCellRow>> ListStatisticsFrom(Connection& db, const StatisticsKey& after,
                                                                  int limit) {
  Query query(db,
              "SELECT period, category, purpose, partner_kind, region, tally FROM statistics_cell "
              "WHERE (period, category, purpose, partner_kind, region) > (?, ?, ?, ?, ?) "
              "ORDER BY period, category, purpose, partner_kind, region LIMIT ?");
  query.BindText(after.period)
      .BindText(after.category)
      .BindText(after.purpose)
      .BindText(after.partner_kind)
      .BindText(after.region)
      .Bind(limit);
  std::vector<StatisticsCellRow> rows;
  while (query.Next()) {
    StatisticsCellRow& row = rows.emplace_back();
    row.key = {query.String(0), query.String(1), query.String(2), query.String(3), query.String(4)};
    if (!row.tally.ParseFromString(query.String(5))) return errors::Inconsistent("a tally does not parse");
  }
  POSTERN_RETURN_IF_ERROR(query.status());
  return rows;
}

absl::StatusOr<std::vector<StatisticsPeriodRow>> ListStatisticsPeriodsFrom(Connection& db) {
  Query query(db, "SELECT period, salt, closed FROM statistics_period ORDER BY period");
  std::vector<StatisticsPeriodRow> rows;
  while (query.Next()) {
    StatisticsPeriodRow& row = rows.emplace_back();
    row.period = query.String(0);
    row.closed = query.Int(2) != 0;
    if (!row.closed) POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(1), &row.salt));
  }
  POSTERN_RETURN_IF_ERROR(query.status());
  return rows;
}

}  // namespace postern::storage
