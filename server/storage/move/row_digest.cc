#include "server/storage/move/row_digest.h"

#include <cstring>

#include "proto/errors/error.h"
#include "server/crypto/big_endian.h"
#include "server/crypto/sha256_state.h"

namespace postern::storage {
namespace {

// Each value says its kind and its length: no two rows are written alike.
void AddValue(const Query& row, int column, TablePlan::Kind kind, crypto::Sha256State* state) {
  if (row.IsNull(column)) return state->Add("n");
  if (kind == TablePlan::Kind::kInteger) {
    state->Add("i");
    return state->Add(crypto::BigEndian64(static_cast<uint64_t>(row.Int(column))));
  }
  const absl::string_view bytes = row.Bytes(column);
  state->Add(kind == TablePlan::Kind::kText ? "t" : "b");
  state->Add(crypto::BigEndian64(bytes.size()));
  state->Add(bytes);
}

}  // namespace

absl::StatusOr<TableDigest> DigestTable(Connection& db, const TablePlan& plan,
                                        absl::FunctionRef<absl::Status(const Query&)> on_row) {
  TableDigest digest;
  crypto::Sha256State state;
  Query rows(db, plan.read.c_str(), Rows::kMany);
  while (rows.Next()) {
    for (size_t i = 0; i < plan.columns.size(); ++i) AddValue(rows, static_cast<int>(i), plan.columns[i], &state);
    ++digest.rows;
    POSTERN_RETURN_IF_ERROR(on_row(rows));
  }
  POSTERN_RETURN_IF_ERROR(rows.status());
  digest.sha256 = state.Finish({});
  return digest;
}

void SetDigest::Add(int64_t number, absl::string_view bytes) {
  const crypto::Sha256Digest member = crypto::Sha256({crypto::BigEndian64(static_cast<uint64_t>(number)), bytes});
  static_assert(sizeof(member) == sizeof(sum_));
  for (size_t i = 0; i < sum_.size(); ++i) {
    uint64_t lane;
    std::memcpy(&lane, member.data() + i * sizeof(lane), sizeof(lane));
    sum_[i] += lane;
  }
  ++size_;
}

}  // namespace postern::storage
