#include "server/rights/granted_fields.h"

#include <algorithm>
#include <utility>

#include "policy/projection/projector.h"
#include "proto/errors/error.h"
#include "server/registry/policy_in_force.h"

namespace postern::rights {
namespace {

const registry::ActiveGrant* FindActive(const registry::Snapshot& snapshot, storage::PartnerId partner,
                                        storage::GrantId id) {
  for (const auto& [name, view] : snapshot.partners) {
    if (view->id != partner) continue;
    for (const registry::ActiveGrant& grant : view->grants) {
      if (grant.grant_id == id) return &grant;
    }
  }
  return nullptr;
}

}  // namespace

bool GrantFacts::HasCategory(absl::string_view category) const {
  return std::any_of(fields.begin(), fields.end(),
                     [&](const auto& field) { return category == absl::string_view(field.category()); });
}

absl::StatusOr<const GrantFacts*> GrantedFields::Of(storage::GrantId id) {
  if (const auto it = known_.find(id); it != known_.end()) return it->second.get();
  auto facts = std::make_unique<GrantFacts>();
  POSTERN_ASSIGN_OR_RETURN(facts->ref, store_.ReadGrant(id));
  facts->active = FindActive(*snapshot_, facts->ref.partner, id);
  POSTERN_RETURN_IF_ERROR(ReadFields(facts.get()));
  return (known_[id] = std::move(facts)).get();
}

absl::Status GrantedFields::ReadFields(GrantFacts* facts) {
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::RevisionRow> revisions, store_.ListRevisions(facts->ref.partner));
  for (const storage::RevisionRow& row : revisions) {
    if (row.revision.name() != facts->ref.contract_revision) continue;
    POSTERN_ASSIGN_OR_RETURN(const v1::Contract contract, registry::ParseContract(row.revision.source()));
    facts->partner_retention = contract.partner_retention();
    for (const v1::Grant& grant : contract.grants()) {
      if (grant.purpose() != facts->ref.purpose || grant.record_type() != facts->ref.record_type) continue;
      for (const v1::FieldGrant& field : grant.fields()) {
        v1::AccessEntry::DisclosedField& out = facts->fields.emplace_back();
        out.set_path(field.path());
        if (snapshot_->bundle != nullptr) {
          out.set_category(snapshot_->bundle->CategoryOf(facts->ref.record_type, field.path()));
        }
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> GrantedFields::Released(const storage::DisclosureRow& row, absl::string_view category) {
  POSTERN_ASSIGN_OR_RETURN(const GrantFacts* facts, Of(row.grant));
  if (!facts->HasCategory(category)) return false;
  if (facts->active == nullptr) return true;
  for (const policy::WithheldField& field : policy::WithheldFromBits(*facts->active->grant->plan, row.withheld_bits)) {
    // Both close a category as a whole.
    const bool closed =
        field.reason == policy::WithheldReason::kConsent || field.reason == policy::WithheldReason::kMinor;
    if (!closed) continue;
    if (snapshot_->bundle->CategoryOf(facts->ref.record_type, field.path) == std::string(category)) return false;
  }
  return true;
}

}  // namespace postern::rights
