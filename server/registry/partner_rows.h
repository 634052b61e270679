// Looking partners up in the store, and names of resources below them.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/storage/store.h"

namespace postern::registry {

// PARTNER_UNKNOWN.
absl::StatusOr<storage::PartnerRow> ReadPartner(storage::Store& store, absl::string_view name);

// "partners/p" of "partners/p/anything"; empty if `name` does not begin so.
absl::string_view PartnerPart(absl::string_view name);
// "partners/p/contracts/c" of ".../revisions/r"; empty if `revision` is not such a name.
absl::string_view ContractPart(absl::string_view revision);

}  // namespace postern::registry
