#include "server/storage/move/table_copy.h"

#include <vector>

#include "proto/errors/error.h"
#include "server/storage/postgres/array.h"

namespace postern::storage {
namespace {

// A transaction's, whichever is reached first.
constexpr int kBatchRows = 4096;
constexpr size_t kBatchBytes = size_t{8} << 20;

absl::StatusOr<int64_t> Number(Connection& db, const std::string& sql) {
  Query query(db, sql.c_str());
  const int64_t number = query.Next() ? query.Int(0) : 0;
  POSTERN_RETURN_IF_ERROR(query.status());
  return number;
}

// Rows, column by column.
class Batch {
 public:
  explicit Batch(const TablePlan& plan) : plan_(plan) { Clear(); }

  void Add(const Query& row) {
    for (size_t i = 0; i < columns_.size(); ++i) {
      const int column = static_cast<int>(i);
      const size_t before = columns_[i].bytes();
      if (row.IsNull(column)) {
        columns_[i].AddNull();
      } else if (plan_.columns[i] == TablePlan::Kind::kInteger) {
        columns_[i].Add(row.Int(column));
      } else {
        columns_[i].Add(row.Bytes(column));
      }
      bytes_ += columns_[i].bytes() - before;
    }
    ++rows_;
  }
  bool full() const { return rows_ >= kBatchRows || bytes_ >= kBatchBytes; }
  int rows() const { return rows_; }

  absl::Status Insert(PostgresConnection& target) {
    ArrayQuery insert(target, plan_.insert.c_str());
    for (ArrayParameter& column : columns_) insert.Bind(column);
    return insert.Run();
  }
  void Clear() {
    rows_ = 0;
    bytes_ = 0;
    columns_.clear();
    for (const TablePlan::Kind kind : plan_.columns) {
      columns_.emplace_back(kind == TablePlan::Kind::kInteger ? kInt8
                            : kind == TablePlan::Kind::kText  ? kText
                                                              : kBytea);
    }
  }

 private:
  const TablePlan& plan_;
  std::vector<ArrayParameter> columns_;
  int rows_ = 0;
  size_t bytes_ = 0;
};

// Where an appended table goes on: behind the last row that the target has.
absl::StatusOr<int64_t> GoOnFrom(Connection& source, PostgresConnection& target, const TablePlan& plan) {
  POSTERN_ASSIGN_OR_RETURN(const int64_t there, Number(target, plan.last));
  POSTERN_ASSIGN_OR_RETURN(const int64_t here, Number(source, plan.last));
  return there <= here ? there : -1;
}

}  // namespace

absl::Status CopyTable(Connection& source, PostgresConnection& target, const TablePlan& plan, BatchHook on_batch,
                       RowProgress progress) {
  POSTERN_ASSIGN_OR_RETURN(const int64_t all, Number(source, plan.count));
  int64_t last = -1;
  int64_t done = 0;
  if (plan.appended) {
    POSTERN_ASSIGN_OR_RETURN(last, GoOnFrom(source, target, plan));
    if (last >= 0) {
      POSTERN_ASSIGN_OR_RETURN(done, Number(target, plan.count));
    }
  }
  if (last < 0) POSTERN_RETURN_IF_ERROR(target.Execute(plan.empty.c_str(), "empty a table"));
  Batch batch(plan);
  int64_t upto = last;
  const auto write = [&]() -> absl::Status {
    target.Send("BEGIN");
    POSTERN_RETURN_IF_ERROR(batch.Insert(target));
    if (plan.appended) POSTERN_RETURN_IF_ERROR(on_batch(last, upto));
    target.Send("COMMIT");
    POSTERN_RETURN_IF_ERROR(target.Sync());
    done += batch.rows();
    last = upto;
    batch.Clear();
    progress(done, all);
    return absl::OkStatus();
  };
  progress(done, all);
  Query rows(source, plan.appended ? plan.read_after.c_str() : plan.read.c_str());
  if (plan.appended) rows.Bind(last);
  while (rows.Next()) {
    batch.Add(rows);
    if (plan.appended) upto = rows.Int(0);  // the key is its first column
    if (batch.full()) POSTERN_RETURN_IF_ERROR(write());
  }
  POSTERN_RETURN_IF_ERROR(rows.status());
  return batch.rows() > 0 ? write() : absl::OkStatus();
}

}  // namespace postern::storage
