// Whether the key store has the keys of what the ledger holds. One that was put back from a backup has not those that
// were made since: records that were sealed with them cannot be opened, and a name would silently get another key.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/crypto/key_store.h"
#include "server/storage/store.h"

namespace postern::gateway {

// Looks at every partner's keys and at those of its newest records. DATA_LOSS if one was never in the key store.
absl::Status CheckKeyAgreement(storage::Store& store, crypto::KeyStore& keys);

// Declares destroyed every key that the ledger names and the key store has never had, so that nothing else comes into
// its place. Returns how many. Walks each partner's records from the newest on until none of ten thousand lacks a key.
absl::StatusOr<int64_t> BuryLostKeys(storage::Store& store, crypto::KeyStore& keys, absl::Time now);

}  // namespace postern::gateway
