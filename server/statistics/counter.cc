#include "server/statistics/counter.h"

#include <algorithm>
#include <set>
#include <utility>

#include "proto/errors/error.h"
#include "server/base/failpoint.h"
#include "server/crypto/random.h"
#include "server/registry/errors.h"
#include "server/statistics/period.h"
#include "server/statistics/tally.h"

namespace postern::statistics {
namespace {

constexpr int kReadCells = 1000;

}  // namespace

Counter::Counter(storage::Store* store, const registry::SnapshotHolder* snapshots, CounterOptions options)
    : store_(*store), snapshots_(*snapshots), options_(std::move(options)), loop_(options_.interval, [this] {
        if (!RunOnce().ok()) ++failed_rounds_;
      }) {}

absl::Status Counter::RunOnce() {
  absl::MutexLock lock(&mutex_);
  if (!loaded_) POSTERN_RETURN_IF_ERROR(Load());
  for (;;) {
    POSTERN_ASSIGN_OR_RETURN(const bool more, CountPage());
    if (!more || loop_.stopping()) break;
  }
  return loop_.stopping() ? absl::OkStatus() : ClosePeriods();
}

absl::Status Counter::Load() {
  periods_.clear();
  cells_.clear();
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::StatisticsPeriodRow> periods, store_.ListStatisticsPeriods());
  for (const storage::StatisticsPeriodRow& row : periods) {
    periods_[row.period] = row;
    if (row.closed) continue;
    storage::StatisticsKey after;
    for (after.period = row.period;;) {
      POSTERN_ASSIGN_OR_RETURN(std::vector<storage::StatisticsCellRow> cells, store_.ListStatistics(after, kReadCells));
      if (cells.empty()) break;
      after = cells.back().key;
      const bool past = after.period != row.period;
      for (storage::StatisticsCellRow& cell : cells) {
        if (cell.key.period == row.period) cells_[std::move(cell.key)] = std::move(cell.tally);
      }
      if (past) break;
    }
  }
  loaded_ = true;
  return absl::OkStatus();
}

absl::StatusOr<bool> Counter::CountPage() {
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::UncountedDisclosure> page,
                           store_.ListUncounted(options_.page_disclosures));
  if (page.empty()) return false;
  ReleasedCategories released(&store_, snapshots_.Get());
  Places places;
  storage::ChangeSet change;
  change.statistics.counted_to = page.back().seq;
  // From here on memory is ahead of the store: an error means to read it again.
  loaded_ = false;
  for (const storage::UncountedDisclosure& one : page) {
    POSTERN_RETURN_IF_ERROR(Count(one, &released, &places, &change.statistics));
  }
  const auto by_key = [](const Cells::value_type* a, const Cells::value_type* b) { return a->first < b->first; };
  std::set<const Cells::value_type*, decltype(by_key)> changed(by_key);
  for (const auto& [source, cells] : places) changed.insert(cells.begin(), cells.end());
  for (const Cells::value_type* cell : changed) change.statistics.cells.push_back({cell->first, cell->second});
  POSTERN_RETURN_IF_ERROR(Write(std::move(change)));
  return true;
}

absl::Status Counter::Count(const storage::UncountedDisclosure& one, ReleasedCategories* released, Places* places,
                            storage::StatisticsChange* change) {
  v1::StatisticsObservation observation;
  if (!observation.ParseFromString(one.observation)) {
    return registry::errors::StoreInconsistent("an observation does not parse");
  }
  Source source;
  POSTERN_ASSIGN_OR_RETURN(source.facts, released->Of(one.grant, one.withheld_bits));
  POSTERN_ASSIGN_OR_RETURN(source.period, OpenPeriod(one.time, change));
  source.partner = one.partner;
  source.region = observation.region();
  auto place = places->find(source);
  if (place == places->end()) {
    POSTERN_ASSIGN_OR_RETURN(std::vector<Cells::value_type*> cells, CellsOf(source));
    place = places->emplace(std::move(source), std::move(cells)).first;
  }
  const std::string tag = TagOf(place->first.period->salt, one.person);
  for (Cells::value_type* cell : place->second) {
    AddDisclosure(tag, &cell->second);
    for (const v1::StatisticsObservation::Amount& amount : observation.amounts()) {
      if (amount.category() == cell->first.category) AddAmount(tag, amount, &cell->second);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Counter::Cells::value_type*>> Counter::CellsOf(const Source& source) {
  POSTERN_ASSIGN_OR_RETURN(const std::string kind, KindOf(source.partner));
  std::vector<Cells::value_type*> cells;
  for (const std::string& category : source.facts->categories) {
    storage::StatisticsKey key{source.period->period, category, source.facts->purpose, kind, source.region};
    cells.push_back(&*cells_.try_emplace(std::move(key)).first);
  }
  return cells;
}

absl::StatusOr<const storage::StatisticsPeriodRow*> Counter::OpenPeriod(absl::Time time,
                                                                        storage::StatisticsChange* change) {
  std::string name = PeriodOf(time);
  // What is closed stays as it was told: what comes late, because a clock was wrong, counts in the next one.
  for (auto known = periods_.find(name); known != periods_.end() && known->second.closed; known = periods_.find(name)) {
    name = PeriodOf(EndOf(name));
  }
  const auto known = periods_.find(name);
  if (known != periods_.end()) return &known->second;
  storage::StatisticsPeriodRow row;
  row.period = name;
  POSTERN_RETURN_IF_ERROR(crypto::FillRandom(row.salt.data(), row.salt.size()));
  change->periods.push_back(row);
  return &(periods_[name] = row);
}

absl::StatusOr<std::string> Counter::KindOf(storage::PartnerId partner) {
  if (const auto known = kinds_.find(partner); known != kinds_.end()) return known->second;
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::PartnerRow> rows, store_.ListPartners());
  for (const storage::PartnerRow& row : rows) kinds_[row.id] = row.partner.kind();
  return kinds_[partner];
}

absl::Status Counter::ClosePeriods() {
  const absl::Time now = options_.clock();
  storage::ChangeSet change;
  std::vector<storage::StatisticsKey> done;
  for (const auto& [name, row] : periods_) {
    if (row.closed) continue;
    if (now < EndOf(name) + kCloseAfter && !base::FailpointSkips("statistics.wait")) continue;
    storage::StatisticsPeriodRow closed = row;
    closed.salt.fill(0);
    closed.closed = true;
    change.statistics.periods.push_back(std::move(closed));
    for (auto& [key, tally] : cells_) {
      if (key.period != name) continue;
      DropTags(&tally);
      change.statistics.cells.push_back({key, tally});
      done.push_back(key);
    }
  }
  if (change.statistics.periods.empty()) return absl::OkStatus();
  loaded_ = false;
  for (const storage::StatisticsPeriodRow& row : change.statistics.periods) periods_[row.period] = row;
  POSTERN_RETURN_IF_ERROR(Write(std::move(change)));
  for (const storage::StatisticsKey& key : done) cells_.erase(key);
  // The salt and the tags leave the files too.
  store_.RequestScrub();
  return absl::OkStatus();
}

absl::Status Counter::Write(storage::ChangeSet change) {
  POSTERN_FAILPOINT("statistics.before");
  POSTERN_RETURN_IF_ERROR(store_.Apply(change).status());
  POSTERN_FAILPOINT("statistics.after");
  loaded_ = true;
  return absl::OkStatus();
}

}  // namespace postern::statistics
