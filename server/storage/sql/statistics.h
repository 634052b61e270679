// Anonymous statistics: what commits leave to be counted, and cells.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/storage/sql/write_scope.h"
#include "server/storage/statistics_rows.h"

namespace postern::storage {

// What the disclosures of one commit leave to be counted, as one row: an append to the end of a table.
class UncountedGroup {
 public:
  // In ascending order of `seq`.
  void Add(int64_t seq, absl::string_view observation);
  // Nothing if nothing was added.
  absl::Status Write(WriteScope& scope) const;

 private:
  int64_t first_ = 0;
  std::string entries_;  // position above the first and size of the observation in base-128, the observation
};

absl::Status WriteStatistics(WriteScope& scope, const StatisticsChange& change);

// As the methods of StatisticsReads.
absl::StatusOr<std::vector<UncountedDisclosure>> ListUncountedFrom(Connection& db, int limit);
absl::StatusOr<std::vector<StatisticsCellRow>> ListStatisticsFrom(Connection& db, const StatisticsKey& after,
                                                                  int limit);
absl::StatusOr<std::vector<StatisticsPeriodRow>> ListStatisticsPeriodsFrom(Connection& db);

}  // namespace postern::storage
