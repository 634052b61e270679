// How long a partner has to answer a deletion notice.
#pragma once

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/storage/store.h"

namespace postern::revocation {

// The strictest of the partner's contracts. 30 days if it never had one in force: then there is nothing to delete.
absl::StatusOr<absl::Duration> DueTerm(storage::Store& store, storage::PartnerId partner);

}  // namespace postern::revocation
