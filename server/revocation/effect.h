// What a revocation does to what was authorised.
#pragma once

#include "absl/status/statusor.h"
#include "proto/postern/v1/operator_service.pb.h"
#include "server/storage/store.h"

namespace postern::revocation {

// Counts as the ledger has them now. handle_count stays 0: it is for terminations.
absl::StatusOr<v1::RevocationEffect> ReadEffect(storage::Store& store, storage::PartnerId partner, int live_streams);

}  // namespace postern::revocation
