// The tables of a ledger in SQLite, as they are copied into PostgreSQL: which they are, their columns and their order
// follow from the schema itself, so that none is forgotten when one is added.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/storage/sql/connection.h"

namespace postern::storage {

// One table that both databases have. The SQL is found again by its address: a plan outlives the connections it is
// used on, and is not copied meanwhile.
struct TablePlan {
  enum class Kind { kInteger, kText, kBytes };

  std::string name;
  std::vector<Kind> columns;
  // Rows are only ever added behind the last, and never change: what is there need not be copied again.
  bool appended = false;

  std::string count;
  std::string read;        // all rows, by primary key
  std::string read_after;  // of an appended table: those whose key is above the parameter
  std::string last;        // of an appended table: its highest key, or -1
  std::string empty;       // PostgreSQL's
  std::string insert;      // PostgreSQL's: takes an array a column
};

// Every table of the ledger but those that PostgreSQL's has in another form: record versions, and the index of
// subjects.
absl::StatusOr<std::vector<TablePlan>> PlanTables(Connection& sqlite);

}  // namespace postern::storage
