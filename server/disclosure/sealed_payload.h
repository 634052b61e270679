// The sealed form of a projected record at rest, and of what is kept beside it.
//
// A stored payload is the partner's epoch at commit (8 bytes, big-endian), then the envelope of crypto/payload_key.h;
// the epoch is part of the authenticated context.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/crypto/key_store.h"
#include "server/crypto/payload_key.h"
#include "server/crypto/uuid7.h"
#include "server/storage/store.h"

namespace postern::disclosure {

// The living DEKs of a stored payload, by what they are for.
struct PayloadKeys {
  std::vector<crypto::KeyHandle> subjects;
  crypto::KeyHandle order;
  crypto::KeyHandle partner_epoch;

  crypto::PayloadKeyParts parts() const { return {subjects, order, partner_epoch}; }
};

// KEY_SHREDDED if any of them was destroyed; DATA_LOSS if the ids are not those of a payload.
absl::StatusOr<PayloadKeys> FindPayloadKeys(crypto::KeyStore& keys, absl::Span<const crypto::Uuid> key_ids);

// Whether keys or a payload that could not be had never can be: destroyed, damaged or missing, and not merely
// unreadable now.
bool LostForGood(const absl::Status& status);

// `type` is the record type; `id` the disclosure's.
absl::StatusOr<std::string> SealForPartner(const PayloadKeys& keys, const crypto::Uuid& id, absl::string_view partner,
                                           uint64_t epoch, absl::string_view purpose, absl::string_view type,
                                           absl::string_view plaintext);
// DATA_LOSS if it is not what SealForPartner made for the same arguments.
absl::StatusOr<std::string> OpenForPartner(const PayloadKeys& keys, const crypto::Uuid& id, absl::string_view partner,
                                           absl::string_view purpose, absl::string_view type, absl::string_view sealed);

// A key store id as the store keeps it, and back.
crypto::Uuid ToStored(const crypto::KeyId& id);
absl::StatusOr<crypto::KeyId> FromStored(const crypto::Uuid& id);

}  // namespace postern::disclosure
