// The key of one disclosure's payload.
//
//   payload key ‖ commitment = HKDF(every subject's DEK, by key id ‖ the order's DEK ‖ the partner-epoch's DEK,
//   context), 32 + 16 bytes
//
// Destroying any one of the input keys destroys the payload: erasure, retention and termination each shred a backlog in
// O(1).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/crypto/aead.h"
#include "server/crypto/key_store.h"

namespace postern::crypto {

// What a payload key is bound to, and what its ciphertext authenticates. All of it is stored beside the ciphertext.
// Views are borrowed.
struct PayloadContext {
  absl::string_view disclosure_id;  // the 16 bytes of its UUIDv7
  absl::string_view partner;        // resource name, "partners/*"
  uint64_t epoch = 0;               // the partner's epoch at commit
  absl::string_view purpose;
  absl::string_view record_type;  // full type name
};

// Injective encoding of `context`: every part with its length before it.
std::string EncodePayloadContext(const PayloadContext& context);

// The DEKs that a payload hangs from. Subjects in any order; at least one, each of kind kSubject; the others of the
// kinds they say.
struct PayloadKeyParts {
  absl::Span<const KeyHandle> subjects;
  KeyHandle order;
  KeyHandle partner_epoch;
};

// INVALID_ARGUMENT if a part is missing, of the wrong kind, or named twice.
absl::StatusOr<SingleUseKey> DerivePayloadKey(const PayloadKeyParts& parts, const PayloadContext& context);

// Seal and open a payload under its derived key with `context` authenticated. Open gives DATA_LOSS if anything differs.
absl::StatusOr<std::string> SealPayload(const PayloadKeyParts& parts, const PayloadContext& context,
                                        absl::string_view payload);
absl::StatusOr<std::string> OpenPayload(const PayloadKeyParts& parts, const PayloadContext& context,
                                        absl::string_view envelope);

}  // namespace postern::crypto
