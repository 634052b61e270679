#include <libpq-fe.h>

#include <algorithm>
#include <memory>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/storage/postgres/postgres_store.h"

namespace postern::storage {
namespace {

struct Freed {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

}  // namespace

absl::Status CheckConninfo(absl::string_view conninfo) {
  char* message = nullptr;
  const std::unique_ptr<PQconninfoOption, Freed> options(PQconninfoParse(std::string(conninfo).c_str(), &message));
  PQfreemem(message);  // it repeats what is wrong, which may be a password
  if (options == nullptr) return absl::InvalidArgumentError("it is not a connection string of PostgreSQL");
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    const absl::string_view keyword = option->keyword;
    if (option->val == nullptr) continue;
    if (keyword == "password" || keyword == "sslpassword") {
      return absl::InvalidArgumentError(
          absl::StrCat("it must not have a ", keyword, ": use a password file (passfile) or a client certificate"));
    }
    if (keyword == "options" || keyword == "replication" || keyword == "client_encoding") {
      return absl::InvalidArgumentError(absl::StrCat("it must not have ", keyword, ", which are the gateway's own"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckSchemaName(absl::string_view schema) {
  constexpr size_t kMaxIdentifier = 63;  // NAMEDATALEN - 1
  const auto allowed = [](char c) {
    const auto letter = static_cast<unsigned char>(c);
    return absl::ascii_islower(letter) || absl::ascii_isdigit(letter) || c == '_';
  };
  const bool good = !schema.empty() && schema.size() <= kMaxIdentifier && !absl::StartsWith(schema, "pg_") &&
                    !absl::ascii_isdigit(static_cast<unsigned char>(schema[0])) &&
                    std::all_of(schema.begin(), schema.end(), allowed);
  return good ? absl::OkStatus()
              : absl::InvalidArgumentError("a schema's name has lower-case letters, digits and underscores");
}

}  // namespace postern::storage
