#include "server/statistics/query.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "proto/errors/error.h"
#include "server/registry/errors.h"
#include "server/registry/page.h"
#include "server/statistics/period.h"
#include "server/statistics/tally.h"

namespace postern::statistics {
namespace {

constexpr int kDefaultPage = 100;
constexpr int kMaxPage = 1000;
constexpr int kReadCells = 1000;

// Ids hold no slash.
std::string TokenOf(const storage::StatisticsKey& key) {
  return absl::StrJoin({key.period, key.category, key.purpose, key.partner_kind, key.region}, "/");
}

absl::StatusOr<storage::StatisticsKey> FromToken(const v1::QueryStatisticsRequest& request) {
  storage::StatisticsKey key;
  if (request.page_token().empty()) {
    key.period = request.period();
    return key;
  }
  const std::vector<std::string> parts = absl::StrSplit(request.page_token(), '/');
  if (parts.size() != 5) return registry::errors::InvalidField("page_token", "is not one of ours");
  return storage::StatisticsKey{parts[0], parts[1], parts[2], parts[3], parts[4]};
}

bool Chosen(const v1::QueryStatisticsRequest& request, const storage::StatisticsKey& key) {
  const auto matches = [](const std::string& wanted, const std::string& is) { return wanted.empty() || wanted == is; };
  return matches(request.period(), key.period) && matches(request.category(), key.category) &&
         matches(request.purpose(), key.purpose) && matches(request.partner_kind(), key.partner_kind);
}

}  // namespace

absl::StatusOr<v1::QueryStatisticsResponse> Statistics::Query(const v1::QueryStatisticsRequest& request) {
  POSTERN_ASSIGN_OR_RETURN(const int size, registry::PageSize(request.page_size(), kDefaultPage, kMaxPage));
  if (!request.period().empty() && EndOf(request.period()) == absl::InfiniteFuture()) {
    return registry::errors::InvalidField("period", "is no month, \"YYYY-MM\"");
  }
  POSTERN_ASSIGN_OR_RETURN(storage::StatisticsKey after, FromToken(request));
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::StatisticsPeriodRow> periods, store_.ListStatisticsPeriods());
  std::set<std::string> over;
  for (const storage::StatisticsPeriodRow& row : periods) {
    if (row.closed) over.insert(row.period);
  }
  v1::QueryStatisticsResponse response;
  response.set_min_group_size(group_size_);
  for (;;) {
    POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::StatisticsCellRow> rows,
                             store_.ListStatistics(after, kReadCells));
    for (const storage::StatisticsCellRow& row : rows) {
      if (!request.period().empty() && row.key.period > request.period()) return response;
      after = row.key;
      if (!Chosen(request, row.key) || over.count(row.key.period) == 0) continue;
      v1::StatisticsCell cell;
      if (!Tell(row.tally, group_size_, &cell)) {
        response.set_suppressed_count(response.suppressed_count() + 1);
        continue;
      }
      cell.set_period(row.key.period);
      cell.set_category(row.key.category);
      cell.set_purpose(row.key.purpose);
      cell.set_partner_kind(row.key.partner_kind);
      cell.set_region(row.key.region);
      *response.add_cells() = std::move(cell);
      if (response.cells_size() == size) {
        response.set_next_page_token(TokenOf(after));
        return response;
      }
    }
    if (static_cast<int>(rows.size()) < kReadCells) return response;
  }
}

}  // namespace postern::statistics
