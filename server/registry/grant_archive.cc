#include "server/registry/grant_archive.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "proto/errors/error.h"
#include "server/registry/errors.h"
#include "server/registry/partner_rows.h"

namespace postern::registry {

absl::StatusOr<std::shared_ptr<const policy::CompiledGrant>> GrantArchive::Find(const storage::GrantRef& ref) {
  const Key key{ref.bundle_digest, ref.contract_revision};
  std::shared_ptr<const PolicyInForce> policy;
  {
    absl::MutexLock lock(&mutex_);
    if (const auto known = compiled_.find(key); known != compiled_.end()) policy = known->second;
  }
  if (policy == nullptr) {
    POSTERN_ASSIGN_OR_RETURN(policy, Compile(ref));
    absl::MutexLock lock(&mutex_);
    if (compiled_.size() >= kept_) compiled_.erase(compiled_.begin());
    compiled_.emplace(key, policy);
  }
  const policy::CompiledContract* contract = policy->FindContract(ContractPart(ref.contract_revision));
  const policy::CompiledGrant* grant =
      contract == nullptr ? nullptr : contract->FindGrant(ref.purpose, ref.record_type);
  if (grant == nullptr) return errors::NotFound(ref.contract_revision);
  return std::shared_ptr<const policy::CompiledGrant>(policy, grant);
}

absl::StatusOr<std::shared_ptr<const PolicyInForce>> GrantArchive::Compile(const storage::GrantRef& ref) const {
  POSTERN_ASSIGN_OR_RETURN(const std::optional<storage::BundleRow> bundle, store_->ReadBundle(ref.bundle_digest));
  if (!bundle) return errors::NotFound("policyBundles");
  POSTERN_ASSIGN_OR_RETURN(std::vector<storage::RevisionRow> rows, store_->ListRevisions(ref.partner));
  const auto row = std::find_if(rows.begin(), rows.end(), [&](const storage::RevisionRow& candidate) {
    return candidate.revision.name() == ref.contract_revision;
  });
  if (row == rows.end()) return errors::NotFound(ref.contract_revision);
  ActiveRevisions revisions;
  revisions.emplace(std::string(ContractPart(ref.contract_revision)), std::move(row->revision));
  return CompileInForce(bundle->bundle, ref.bundle_digest, std::move(revisions));
}

}  // namespace postern::registry
