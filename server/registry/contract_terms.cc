#include "server/registry/contract_terms.h"

#include <map>
#include <utility>

#include "proto/errors/error.h"
#include "server/registry/partner_rows.h"
#include "server/registry/policy_in_force.h"
#include "server/registry/times.h"

namespace postern::registry {
namespace {

bool Active(const v1::ContractRevision& revision) {
  return revision.state() == v1::ContractRevision::STATE_ACTIVE;
}

// True if `a` tells better than `b` what holds: in force before replaced, then the newer one.
bool Outranks(const v1::ContractRevision& a, const v1::ContractRevision& b) {
  if (Active(a) != Active(b)) return Active(a);
  return ToTime(a.create_time()) >= ToTime(b.create_time());
}

absl::StatusOr<std::vector<v1::Contract>> Read(storage::Store& store, storage::PartnerId partner, bool active_only) {
  POSTERN_ASSIGN_OR_RETURN(std::vector<storage::RevisionRow> rows, store.ListRevisions(partner));
  std::map<std::string, v1::ContractRevision> chosen;
  for (storage::RevisionRow& row : rows) {
    if (row.revision.activated_by().empty() || (active_only && !Active(row.revision))) continue;
    v1::ContractRevision& best = chosen[std::string(ContractPart(row.revision.name()))];
    if (best.name().empty() || Outranks(row.revision, best)) best = std::move(row.revision);
  }
  std::vector<v1::Contract> contracts;
  for (const auto& [name, revision] : chosen) {
    POSTERN_ASSIGN_OR_RETURN(v1::Contract contract, ParseContract(revision.source()));
    contracts.push_back(std::move(contract));
  }
  return contracts;
}

}  // namespace

absl::StatusOr<std::vector<v1::Contract>> ReadTerms(storage::Store& store, storage::PartnerId partner) {
  return Read(store, partner, false);
}

absl::StatusOr<std::vector<v1::Contract>> ReadActiveContracts(storage::Store& store, storage::PartnerId partner) {
  return Read(store, partner, true);
}

}  // namespace postern::registry
