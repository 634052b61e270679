#include "server/rights/access_entry.h"

#include <vector>

#include "absl/container/flat_hash_set.h"
#include "policy/projection/projector.h"
#include "proto/errors/error.h"
#include "server/audit/checkpoint.h"
#include "server/audit/proof.h"
#include "server/crypto/sha256.h"
#include "server/disclosure/receipt.h"

namespace postern::rights {

absl::Status AccessEntryWriter::ReadPartners() {
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::PartnerRow> rows, plane_.store->ListPartners());
  for (const storage::PartnerRow& row : rows) partners_[row.id] = row.partner;
  return absl::OkStatus();
}

absl::Status AccessEntryWriter::Write(const storage::DisclosureRow& row, v1::AccessEntry* entry) {
  POSTERN_ASSIGN_OR_RETURN(const GrantFacts* facts, grants_.Of(row.grant));
  const v1::Partner& partner = partners_[row.partner];
  entry->set_partner(partner.name());
  entry->set_legal_entity(partner.legal_entity());
  POSTERN_ASSIGN_OR_RETURN(const storage::Hash32 leaf, plane_.store->ReadTreeHash(0, row.leaf_index));
  *entry->mutable_disclosure() =
      disclosure::DisclosureOf(row, facts->ref, partner.name(), plane_.campaigns.origin, &leaf);
  absl::flat_hash_set<std::string> withheld;
  if (facts->active != nullptr) {
    for (const policy::WithheldField& field :
         policy::WithheldFromBits(*facts->active->grant->plan, row.withheld_bits)) {
      withheld.insert(field.path);
    }
  }
  for (const v1::AccessEntry::DisclosedField& field : facts->fields) {
    if (!withheld.contains(field.path())) *entry->add_fields() = field;
  }
  POSTERN_ASSIGN_OR_RETURN(const std::vector<std::string> path, InclusionPath(plane_, row.leaf_index, tree_size_));
  for (const std::string& node : path) entry->add_inclusion_path(node);
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> ReadCheckpoint(RightsPlane& plane, const std::string& verifier_key, std::string* checkpoint) {
  POSTERN_ASSIGN_OR_RETURN(*checkpoint, plane.store->ReadCheckpoint());
  if (checkpoint->empty()) return uint64_t{0};
  POSTERN_ASSIGN_OR_RETURN(const audit::Checkpoint opened, audit::OpenCheckpoint(*checkpoint, verifier_key));
  return opened.size;
}

absl::StatusOr<std::vector<std::string>> InclusionPath(RightsPlane& plane, uint64_t leaf, uint64_t tree_size) {
  std::vector<std::string> path;
  if (leaf >= tree_size) return path;
  POSTERN_ASSIGN_OR_RETURN(const std::vector<crypto::Sha256Digest> nodes,
                           audit::InclusionProof(leaf, tree_size, [&plane](uint8_t level, uint64_t index) {
                             return plane.store->ReadTreeHash(level, index);
                           }));
  for (const crypto::Sha256Digest& node : nodes) path.emplace_back(crypto::AsBytes(node));
  return path;
}

}  // namespace postern::rights
