#include "server/revocation/due_term.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "proto/errors/error.h"
#include "server/registry/contract_terms.h"

namespace postern::revocation {
namespace {

constexpr int kDaysWithoutContract = 30;

}  // namespace

absl::StatusOr<absl::Duration> DueTerm(storage::Store& store, storage::PartnerId partner) {
  POSTERN_ASSIGN_OR_RETURN(const std::vector<v1::Contract> contracts, registry::ReadTerms(store, partner));
  int days = contracts.empty() ? kDaysWithoutContract : std::numeric_limits<int>::max();
  for (const v1::Contract& contract : contracts) days = std::min(days, contract.deletion().due_days());
  return absl::Hours(24) * days;
}

}  // namespace postern::revocation
