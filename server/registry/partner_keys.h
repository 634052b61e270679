// A partner's three keys in the key store, and how their ids are kept in a partner's row.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/crypto/hmac.h"
#include "server/crypto/key_store.h"
#include "server/crypto/uuid7.h"
#include "server/storage/store.h"

namespace postern::registry {

// Rows hold the 16 bytes of a KeyId. INTERNAL if they are none.
absl::StatusOr<crypto::KeyId> KeyIdOf(const crypto::Uuid& stored);

// Finds or makes the epoch, pseudonym and handle keys of `row` (by its partner's name and epoch) and puts their ids
// into it. KEY_SHREDDED if the name was used and its keys are destroyed.
absl::Status EnsurePartnerKeys(crypto::KeyStore& keys, storage::PartnerRow* row);

// The key ready for HMAC; null if it was destroyed.
absl::StatusOr<std::shared_ptr<const crypto::HmacKey>> LoadHmacKey(crypto::KeyStore& keys, const crypto::Uuid& stored);

}  // namespace postern::registry
