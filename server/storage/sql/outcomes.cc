#include "server/storage/sql/outcomes.h"

#include <algorithm>
#include <utility>

#include "proto/errors/error.h"
#include "server/storage/sql/disclosure_rows.h"
#include "server/storage/sql/packing.h"

namespace postern::storage {
namespace {

struct StoredOutcome {
  int64_t last = 0;
  PartnerId partner = 0;
  OutcomeRow common;         // without position and disclosure
  bool backlog_end = false;  // the lines are what lies in (above, upto]; else in seqs
  std::vector<int64_t> seqs;
  int64_t above = 0;
  int64_t upto = 0;
};

class Expander {
 public:
  Expander(Connection& db, int64_t after, int limit)
      : db_(db), reader_(db), after_(after), limit_(static_cast<size_t>(limit)) {}

  bool full() const { return rows_.size() >= limit_; }
  absl::Status Expand(const StoredOutcome& stored) {
    return stored.backlog_end ? ExpandBacklogEnd(stored) : ExpandSeqs(stored);
  }
  std::vector<OutcomeRow> TakeRows() { return std::move(rows_); }

 private:
  absl::Status ExpandSeqs(const StoredOutcome& stored) {
    const int64_t before_first = stored.last - static_cast<int64_t>(stored.seqs.size());
    for (size_t i = static_cast<size_t>(std::max<int64_t>(0, after_ - before_first)); i < stored.seqs.size() && !full();
         ++i) {
      POSTERN_ASSIGN_OR_RETURN(DisclosureRow disclosure, reader_.BySeq(stored.seqs[i]));
      Add(stored, before_first + static_cast<int64_t>(i) + 1, std::move(disclosure));
    }
    return absl::OkStatus();
  }

  absl::Status ExpandBacklogEnd(const StoredOutcome& stored) {
    const int64_t position_of_zero = stored.last - stored.upto;
    Query query(db_,
                POSTERN_SELECT_DISCLOSURE
                "WHERE d.partner = ? AND d.seq > ? AND d.seq <= ? AND d.exchange = 0 AND s.seq IS NULL ORDER BY d.seq",
                Rows::kMany);
    query.Bind(stored.partner).Bind(std::max(stored.above, after_ - position_of_zero)).Bind(stored.upto);
    while (!full() && query.Next()) {
      POSTERN_ASSIGN_OR_RETURN(ReadRow read, reader_.Current(query));
      Add(stored, position_of_zero + read.row.seq, std::move(read.row));
    }
    return query.status();
  }

  void Add(const StoredOutcome& stored, int64_t position, DisclosureRow disclosure) {
    OutcomeRow row = stored.common;
    row.position = position;
    row.disclosure = std::move(disclosure);
    rows_.push_back(std::move(row));
  }

  Connection& db_;
  DisclosureReader reader_;
  const int64_t after_;
  const size_t limit_;
  std::vector<OutcomeRow> rows_;
};

absl::StatusOr<StoredOutcome> ReadStoredOutcome(const Query& query) {
  StoredOutcome stored;
  stored.last = query.Int(0);
  stored.partner = query.Int(1);
  stored.common.state = static_cast<v1::DisclosureState>(query.Int(2));
  stored.common.reason = query.String(3);
  stored.common.time = UnpackTime(query.Int(4));
  stored.backlog_end = query.IsNull(5);
  if (!stored.backlog_end) {
    POSTERN_ASSIGN_OR_RETURN(stored.seqs, UnpackSeqs(query.Bytes(5)));
  }
  stored.above = query.Int(6);
  stored.upto = query.Int(7);
  stored.common.result_type = query.String(8);
  stored.common.sealed_result = query.String(9);
  return stored;
}

}  // namespace

absl::Status AddOutcomes(WriteScope& scope, const OutcomeKind& kind, absl::Span<const int64_t> seqs) {
  if (seqs.empty()) return absl::OkStatus();
  return Query(scope.db(), "INSERT INTO outcome(last, partner, state, reason, time, seqs) VALUES(?, ?, ?, ?, ?, ?)")
      .Bind(scope.TakeOutcomePositions(static_cast<int64_t>(seqs.size())))
      .Bind(kind.partner)
      .Bind(kind.state)
      .BindText(kind.reason)
      .Bind(PackTime(kind.time))
      .Bind(PackSeqs(seqs))
      .Run();
}

absl::Status AddBacklogEndOutcome(WriteScope& scope, const OutcomeKind& kind, int64_t above, int64_t upto) {
  // As many positions as the ledger has, so that a line's position follows from its seq and nothing has to be counted.
  return Query(scope.db(),
               "INSERT INTO outcome(last, partner, state, reason, time, above, upto) VALUES(?, ?, ?, ?, ?, ?, ?)")
      .Bind(scope.TakeOutcomePositions(upto))
      .Bind(kind.partner)
      .Bind(kind.state)
      .BindText(kind.reason)
      .Bind(PackTime(kind.time))
      .Bind(above)
      .Bind(upto)
      .Run();
}

absl::Status AddResultOutcome(WriteScope& scope, const OutcomeKind& kind, const ChangeSet::SubmittedResult& result) {
  return Query(scope.db(),
               "INSERT INTO outcome(last, partner, state, reason, time, seqs, result_type, sealed_result) VALUES(?, ?, "
               "?, ?, ?, ?, ?, ?)")
      .Bind(scope.TakeOutcomePositions(1))
      .Bind(kind.partner)
      .Bind(kind.state)
      .BindText(kind.reason)
      .Bind(PackTime(kind.time))
      .Bind(PackSeqs({result.seq}))
      .BindText(result.type)
      .Bind(result.sealed_result)
      .Run();
}

absl::StatusOr<std::vector<OutcomeRow>> ReadOutcomesFrom(Connection& db, int64_t after, int limit) {
  Expander expander(db, after, limit);
  Query query(db,
              "SELECT last, partner, state, reason, time, seqs, above, upto, result_type, sealed_result FROM outcome "
              "WHERE last > ? ORDER BY last",
              Rows::kMany);
  query.Bind(after);
  while (!expander.full() && query.Next()) {
    POSTERN_ASSIGN_OR_RETURN(const StoredOutcome stored, ReadStoredOutcome(query));
    POSTERN_RETURN_IF_ERROR(expander.Expand(stored));
  }
  POSTERN_RETURN_IF_ERROR(query.status());
  return expander.TakeRows();
}

}  // namespace postern::storage
