#include "server/storage/postgres/failure.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/storage/errors.h"

namespace postern::storage {
namespace {

struct Named {
  absl::string_view prefix;  // of an SQLSTATE: the whole of it or its class
  absl::string_view cause;
};

// The first that fits.
constexpr Named kCauses[] = {
    {"08", "connection_lost"},     {"57P", "connection_lost"},    {"53100", "disk_full"},
    {"53200", "out_of_memory"},    {"53300", "too_many_clients"}, {"57014", "timeout"},
    {"55P03", "lock_timeout"},     {"25P03", "timeout"},          {"25006", "read_only"},
    {"40001", "serialization"},    {"40P01", "deadlock"},         {"58030", "io_error"},
    {"XX001", "corrupt"},          {"XX002", "corrupt"},          {"28", "not_authorised"},
    {"3D000", "database_missing"}, {"3F000", "schema_missing"},   {"42501", "not_authorised"},
};

std::string CauseOf(absl::string_view state) {
  if (state.empty()) return "connection_lost";
  for (const Named& named : kCauses) {
    if (absl::StartsWith(state, named.prefix)) return std::string(named.cause);
  }
  return absl::StrCat("sqlstate_", state);
}

}  // namespace

absl::Status PostgresFailed(absl::string_view operation, absl::string_view state) {
  if (absl::StartsWith(state, "22") || absl::StartsWith(state, "23")) {
    return absl::InternalError(absl::StrCat("ledger: ", operation, " violates a constraint (SQLSTATE ", state, ")"));
  }
  return errors::LedgerUnavailable(operation, CauseOf(state));
}

bool MayBeRetried(absl::string_view state) {
  return state == "40001" || state == "40P01";
}

absl::Status PostgresUnfit(absl::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat("the PostgreSQL server is unfit for a ledger: ", what));
}

}  // namespace postern::storage
