#include "server/storage/postgres/dialect.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace postern::storage {

std::string ToPostgres(absl::string_view sql) {
  std::string translated;
  int parameters = 0;
  for (size_t i = 0; i < sql.size(); ++i) {
    if (sql[i] != '?') {
      translated.push_back(sql[i]);
      continue;
    }
    translated.push_back('$');
    const bool numbered = i + 1 < sql.size() && absl::ascii_isdigit(static_cast<unsigned char>(sql[i + 1]));
    if (!numbered) absl::StrAppend(&translated, ++parameters);
  }
  return absl::StrReplaceAll(translated, {{"CROSS JOIN", "JOIN"}});
}

}  // namespace postern::storage
