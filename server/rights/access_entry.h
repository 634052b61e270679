// Entries of access reports and of evidence, from rows of the ledger.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/postern/v1/partner.pb.h"
#include "proto/postern/v1/subject_rights.pb.h"
#include "server/rights/granted_fields.h"
#include "server/rights/plane.h"
#include "server/storage/store.h"

namespace postern::rights {

// One page in the making: what is the same for all of its entries. Not thread-safe.
class AccessEntryWriter {
 public:
  // Inclusion paths lead to the tree of `tree_size` leaves.
  AccessEntryWriter(RightsPlane* plane, uint64_t tree_size)
      : plane_(*plane), grants_(plane->store, plane->snapshots->Get()), tree_size_(tree_size) {}

  // Once, before the first entry. LEDGER_UNAVAILABLE.
  absl::Status ReadPartners();
  // LEDGER_UNAVAILABLE.
  absl::Status Write(const storage::DisclosureRow& row, v1::AccessEntry* entry);

 private:
  RightsPlane& plane_;
  GrantedFields grants_;
  const uint64_t tree_size_;
  absl::flat_hash_map<storage::PartnerId, v1::Partner> partners_;
};

// The size of the tree of the last published checkpoint, which is written to `checkpoint`; 0 if none was published.
absl::StatusOr<uint64_t> ReadCheckpoint(RightsPlane& plane, const std::string& verifier_key, std::string* checkpoint);

// The inclusion path of a leaf, from the leaf up, 32 bytes each; empty if the tree does not have it.
// LEDGER_UNAVAILABLE.
absl::StatusOr<std::vector<std::string>> InclusionPath(RightsPlane& plane, uint64_t leaf, uint64_t tree_size);

}  // namespace postern::rights
