#include "tests/unit/server/storage/ledger_dump.h"

#include <sqlite3.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace postern::storage {
namespace {

std::vector<std::string> Rows(sqlite3* db, const std::string& sql) {
  std::vector<std::string> rows;
  sqlite3_stmt* statement = nullptr;
  EXPECT_EQ(sqlite3_prepare_v2(db, sql.c_str(), -1, &statement, nullptr), SQLITE_OK) << sql;
  while (sqlite3_step(statement) == SQLITE_ROW) {
    std::string row;
    for (int i = 0; i < sqlite3_column_count(statement); ++i) {
      const auto* data = static_cast<const char*>(sqlite3_column_blob(statement, i));
      const absl::string_view bytes(data, static_cast<size_t>(sqlite3_column_bytes(statement, i)));
      absl::StrAppend(&row, absl::BytesToHexString(bytes), "|");
    }
    rows.push_back(std::move(row));
  }
  sqlite3_finalize(statement);
  return rows;
}

}  // namespace

Dump DumpOf(const std::string& path) {
  sqlite3* db = nullptr;
  EXPECT_EQ(sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READWRITE, nullptr), SQLITE_OK);
  Dump dump;
  for (const std::string& name : Rows(db, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")) {
    const std::string table = absl::HexStringToBytes(name.substr(0, name.size() - 1));
    dump[table] = Rows(db, absl::StrCat("SELECT * FROM ", table));
  }
  sqlite3_close(db);
  return dump;
}

}  // namespace postern::storage
