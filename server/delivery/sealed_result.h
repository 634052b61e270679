// The sealed form of a partner's result at rest.
//
// Stored are the request id of the submission (16 bytes), the partner's epoch (8 bytes, big-endian) and the envelope of
// crypto/payload_key.h, whose context has the disclosure's id followed by the request id in the place of the
// disclosure's id. So every result of a disclosure is sealed under a key of its own, and is that submission's alone.
// Results that were stored without request id, in the disclosure's own context, are still read.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/crypto/uuid7.h"
#include "server/disclosure/sealed_payload.h"

namespace postern::delivery {

// Where a result belongs. Views are borrowed.
struct ResultPlace {
  crypto::Uuid disclosure;
  absl::string_view partner;  // resource name
  absl::string_view purpose;
  absl::string_view type;  // of the result
};

absl::StatusOr<std::string> SealResult(const disclosure::PayloadKeys& keys, const ResultPlace& place,
                                       const crypto::Uuid& request_id, uint64_t epoch, absl::string_view plaintext);
// DATA_LOSS if it is not what SealResult made for the same place.
absl::StatusOr<std::string> OpenResult(const disclosure::PayloadKeys& keys, const ResultPlace& place,
                                       absl::string_view sealed);

}  // namespace postern::delivery
