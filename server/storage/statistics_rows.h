// Rows of anonymous statistics: what waits to be counted, and what is. Part of store.h.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proto/postern/v1/statistics_service.pb.h"
#include "server/storage/types.h"

namespace postern::storage {

// What makes one cell.
struct StatisticsKey {
  std::string period;  // "YYYY-MM"
  std::string category;
  std::string purpose;
  std::string partner_kind;
  std::string region;

  auto Tied() const { return std::tie(period, category, purpose, partner_kind, region); }
  friend bool operator<(const StatisticsKey& a, const StatisticsKey& b) { return a.Tied() < b.Tied(); }
  friend bool operator==(const StatisticsKey& a, const StatisticsKey& b) { return a.Tied() == b.Tied(); }
};

struct StatisticsCellRow {
  StatisticsKey key;
  v1::StatisticsTally tally;
};

// One month. The salt is of its tags, and gone with them once it is closed.
struct StatisticsPeriodRow {
  std::string period;
  std::array<uint8_t, 16> salt{};
  bool closed = false;
};

// A committed disclosure that waits to be counted.
struct UncountedDisclosure {
  int64_t seq = 0;
  absl::Time time;
  PartnerId partner = 0;
  GrantId grant = 0;
  Mac16 person{};  // the first of its subjects
  std::vector<uint64_t> withheld_bits;
  std::string observation;  // as NewDisclosure::observation
};

// The statistics' part of a ChangeSet.
struct StatisticsChange {
  std::vector<StatisticsCellRow> cells;      // insert or replace by key
  std::vector<StatisticsPeriodRow> periods;  // insert or replace by period; the salt of a closed one is not written
  int64_t counted_to = 0;                    // what was counted up to this ledger position waits no more
};

// The reads; writes are in ChangeSet.
class StatisticsReads {
 public:
  virtual ~StatisticsReads() = default;
  // In the order of the ledger; whole commits, so that at most a few more than `limit` come.
  virtual absl::StatusOr<std::vector<UncountedDisclosure>> ListUncounted(int limit) = 0;
  // After `after` in the order of keys.
  virtual absl::StatusOr<std::vector<StatisticsCellRow>> ListStatistics(const StatisticsKey& after, int limit) = 0;
  // By period.
  virtual absl::StatusOr<std::vector<StatisticsPeriodRow>> ListStatisticsPeriods() = 0;
};

}  // namespace postern::storage
