// Digests by which tables of two databases are compared.
#pragma once

#include <array>
#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/crypto/sha256.h"
#include "server/storage/move/table_plan.h"

namespace postern::storage {

// A table as a whole: its rows in the order of its key.
struct TableDigest {
  int64_t rows = 0;
  crypto::Sha256Digest sha256{};

  friend bool operator==(const TableDigest& a, const TableDigest& b) {
    return a.rows == b.rows && a.sha256 == b.sha256;
  }
};

// Reads the whole table, within a transaction. `on_row` is called with every row, whose columns are the plan's.
absl::StatusOr<TableDigest> DigestTable(Connection& db, const TablePlan& plan,
                                        absl::FunctionRef<absl::Status(const Query&)> on_row);

// A set, whatever the order in which its members are added: the sum of their digests, in lanes of 64 bits. It finds
// what was lost, altered or added by mistake; it is no proof against somebody who chooses the members.
class SetDigest {
 public:
  void Add(int64_t number, absl::string_view bytes);
  int64_t size() const { return size_; }

  friend bool operator==(const SetDigest& a, const SetDigest& b) { return a.size_ == b.size_ && a.sum_ == b.sum_; }

 private:
  int64_t size_ = 0;
  std::array<uint64_t, 4> sum_{};
};

}  // namespace postern::storage
