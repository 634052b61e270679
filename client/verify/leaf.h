// Audit leaves as the gateway publishes them: 0x01 ‖ length (4 bytes, big-endian) ‖ public metadata ‖ commitment (32
// bytes).
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/verify/merkle.h"

namespace postern::client::verify {

struct Leaf {
  absl::string_view metadata;  // a serialised AuditEntry, borrowed from the leaf's bytes
  Hash commitment;
};

// INVALID_ARGUMENT if `bytes` is not a leaf.
absl::StatusOr<Leaf> ParseLeaf(absl::string_view bytes);

// OK if the leaf commits to `private_part` under `salt`: HMAC-SHA256(salt, private_part). DATA_LOSS if not.
absl::Status VerifyCommitment(const Leaf& leaf, absl::string_view salt, absl::string_view private_part);

}  // namespace postern::client::verify
