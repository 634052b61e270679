#include "server/storage/move/table_plan.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/errors/error.h"
#include "server/storage/errors.h"

namespace postern::storage {
namespace {

struct Table {
  std::string name;
  std::vector<std::string> columns;  // quoted
  std::vector<TablePlan::Kind> kinds;
  std::vector<std::string> key;  // quoted, in the key's order
};

std::string Quoted(absl::string_view name) {
  return absl::StrCat("\"", name, "\"");
}

absl::StatusOr<TablePlan::Kind> KindOf(absl::string_view type) {
  if (type == "INTEGER") return TablePlan::Kind::kInteger;
  if (type == "TEXT") return TablePlan::Kind::kText;
  if (type == "BLOB") return TablePlan::Kind::kBytes;
  return errors::Inconsistent("a column has a type that no ledger has");
}

const char* ArrayType(TablePlan::Kind kind) {
  switch (kind) {
    case TablePlan::Kind::kInteger:
      return "::bigint[]";
    case TablePlan::Kind::kText:
      return "::text[]";
    case TablePlan::Kind::kBytes:
      break;
  }
  return "::bytea[]";
}

bool IsAppended(absl::string_view name) {
  return name == "disclosure" || name == "audit_leaf";
}

TablePlan PlanOf(const Table& table) {
  TablePlan plan;
  plan.name = table.name;
  plan.columns = table.kinds;
  plan.appended = IsAppended(table.name);
  const std::string columns = absl::StrJoin(table.columns, ", ");
  const std::string key = absl::StrJoin(table.key, ", ");
  plan.count = absl::StrCat("SELECT count(*) FROM ", table.name);
  plan.read = absl::StrCat("SELECT ", columns, " FROM ", table.name, " ORDER BY ", key);
  plan.read_after = absl::StrCat("SELECT ", columns, " FROM ", table.name, " WHERE ", table.key.front(),
                                 " > ? ORDER BY ", table.key.front());
  plan.last = absl::StrCat("SELECT coalesce(max(", table.key.front(), "), -1) FROM ", table.name);
  // The index of subjects follows from the disclosures, and goes with them.
  plan.empty = absl::StrCat("TRUNCATE ", table.name, table.name == "disclosure" ? ", disclosure_subject" : "");
  std::vector<std::string> arrays;
  for (const TablePlan::Kind kind : table.kinds) {
    arrays.push_back(absl::StrCat("$", arrays.size() + 1, ArrayType(kind)));
  }
  plan.insert = absl::StrCat("INSERT INTO ", table.name, "(", columns, ") SELECT * FROM unnest(",
                             absl::StrJoin(arrays, ", "), ")");
  return plan;
}

}  // namespace

absl::StatusOr<std::vector<TablePlan>> PlanTables(Connection& sqlite) {
  std::vector<Table> tables;
  Query query(sqlite,
              "SELECT m.name, c.name, c.type, c.pk FROM sqlite_schema m CROSS JOIN pragma_table_info(m.name) c "
              "WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite~_%' ESCAPE '~' "
              "AND m.name NOT LIKE 'record~_version%' ESCAPE '~' ORDER BY m.name, c.cid");
  while (query.Next()) {
    if (tables.empty() || tables.back().name != query.Bytes(0)) tables.push_back({query.String(0), {}, {}, {}});
    Table& table = tables.back();
    table.columns.push_back(Quoted(query.Bytes(1)));
    POSTERN_ASSIGN_OR_RETURN(const TablePlan::Kind kind, KindOf(query.Bytes(2)));
    table.kinds.push_back(kind);
    const auto place = static_cast<size_t>(query.Int(3));
    if (place == 0) continue;
    if (table.key.size() < place) table.key.resize(place);
    table.key[place - 1] = table.columns.back();
  }
  POSTERN_RETURN_IF_ERROR(query.status());
  std::vector<TablePlan> plans;
  for (const Table& table : tables) {
    if (table.key.empty()) return errors::Inconsistent("a table has no primary key");
    plans.push_back(PlanOf(table));
  }
  return plans;
}

}  // namespace postern::storage
