// The identity of a ledger, by which its audit log and its keys know it.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/crypto/uuid7.h"

namespace postern::storage {

// A new identity, random.
absl::StatusOr<crypto::Uuid> NewIncarnation();

// Gives the ledger in `directory`, which nobody has open, another identity, and forgets the checkpoint that it last
// published: its audit log goes on under a new origin. Durable when it returns. LEDGER_UNAVAILABLE.
absl::Status SetIncarnation(const std::string& directory, const crypto::Uuid& instance);

}  // namespace postern::storage
