// The reads of a store that are about people and what is done for them: each is one query of a reading connection.
#pragma once

#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/storage/sql/connection.h"
#include "server/storage/sql/investigations.h"
#include "server/storage/sql/retention.h"
#include "server/storage/sql/statistics.h"
#include "server/storage/sql/subjects.h"
#include "server/storage/sql/supervision.h"
#include "server/storage/store.h"

namespace postern::storage {

class PeopleReads : public Store {
 public:
  absl::StatusOr<std::vector<SubjectRecordRow>> ListSubjectRecords(int64_t after, int limit) override {
    return ReadBy<std::vector<SubjectRecordRow>>(
        [&](Connection& db) { return ListSubjectRecordsFrom(db, after, limit); });
  }
  absl::StatusOr<std::vector<SubjectRecordRow>> ReadSubjectRecords(const Mac16& subject) override {
    return ReadBy<std::vector<SubjectRecordRow>>([&](Connection& db) { return ReadSubjectRecordsFrom(db, subject); });
  }
  absl::StatusOr<SubjectRequestRow> ReadSubjectRequest(absl::string_view name) override {
    return ReadBy<SubjectRequestRow>([&](Connection& db) { return ReadSubjectRequestFrom(db, name); });
  }
  absl::StatusOr<SubjectRequestRow> FindSubjectRequest(const Mac16& principal,
                                                       const crypto::Uuid& request_id) override {
    return ReadBy<SubjectRequestRow>([&](Connection& db) { return FindSubjectRequestIn(db, principal, request_id); });
  }
  absl::StatusOr<std::vector<SubjectRequestRow>> ListSubjectRequests(bool open_only, int64_t offset,
                                                                     int limit) override {
    return ReadBy<std::vector<SubjectRequestRow>>(
        [&](Connection& db) { return ListSubjectRequestsFrom(db, open_only, offset, limit); });
  }

  absl::StatusOr<std::vector<RetentionOrderRow>> ListDueOrders(absl::Time time, int limit) override {
    return ReadBy<std::vector<RetentionOrderRow>>([&](Connection& db) { return ListDueOrdersFrom(db, time, limit); });
  }
  absl::StatusOr<RetentionCounts> CountOrders(absl::Time until) override {
    return ReadBy<RetentionCounts>([&](Connection& db) { return CountOrdersFrom(db, until); });
  }
  absl::StatusOr<std::string> ReadRetentionTotals() override {
    return ReadBy<std::string>([](Connection& db) { return ReadRetentionTotalsFrom(db); });
  }

  absl::StatusOr<std::vector<UncountedDisclosure>> ListUncounted(int limit) override {
    return ReadBy<std::vector<UncountedDisclosure>>([&](Connection& db) { return ListUncountedFrom(db, limit); });
  }
  absl::StatusOr<std::vector<StatisticsCellRow>> ListStatistics(const StatisticsKey& after, int limit) override {
    return ReadBy<std::vector<StatisticsCellRow>>([&](Connection& db) { return ListStatisticsFrom(db, after, limit); });
  }
  absl::StatusOr<std::vector<StatisticsPeriodRow>> ListStatisticsPeriods() override {
    return ReadBy<std::vector<StatisticsPeriodRow>>([](Connection& db) { return ListStatisticsPeriodsFrom(db); });
  }

  absl::StatusOr<InvestigationRow> ReadInvestigation(absl::string_view name) override {
    return ReadBy<InvestigationRow>([&](Connection& db) { return ReadInvestigationFrom(db, name); });
  }
  absl::StatusOr<InvestigationRow> FindInvestigation(const Mac16& principal, const crypto::Uuid& request_id) override {
    return ReadBy<InvestigationRow>([&](Connection& db) { return FindInvestigationIn(db, principal, request_id); });
  }
  absl::StatusOr<std::vector<InvestigationRow>> ListInvestigations(bool open_only, int64_t offset, int limit) override {
    return ReadBy<std::vector<InvestigationRow>>(
        [&](Connection& db) { return ListInvestigationsFrom(db, open_only, offset, limit); });
  }

  absl::StatusOr<std::vector<FindingRow>> ListFindings(absl::string_view partner, int64_t before, int limit) override {
    return ReadBy<std::vector<FindingRow>>(
        [&](Connection& db) { return ListFindingsFrom(db, partner, before, limit); });
  }
  absl::StatusOr<std::vector<SeenRow>> ListSeen() override {
    return ReadBy<std::vector<SeenRow>>([](Connection& db) { return ListSeenFrom(db); });
  }

 protected:
  // Runs `body` with a reading connection that sees one consistent state.
  virtual absl::Status ReadWith(absl::FunctionRef<absl::Status(Connection&)> body) = 0;

  template <typename T>
  absl::StatusOr<T> ReadBy(absl::FunctionRef<absl::StatusOr<T>(Connection&)> body) {
    absl::StatusOr<T> result = absl::UnknownError("not run");
    const absl::Status status = ReadWith([&](Connection& db) {
      result = body(db);
      return result.status();
    });
    if (!status.ok()) return status;
    return result;
  }
};

}  // namespace postern::storage
