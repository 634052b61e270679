// DSSE v1 envelopes (https://github.com/secure-systems-lab/dsse): a signature over the payload bytes as they are
// carried. The payload is never parsed and serialised again on the way to a check.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/crypto/signature.h"

namespace postern::crypto {

struct DsseSignature {
  std::string key_id;     // a hint; verification tries it and trusts only the key
  std::string signature;  // raw bytes
};

struct DsseEnvelope {
  std::string payload_type;
  std::string payload;
  std::vector<DsseSignature> signatures;
};

// "DSSEv1" SP LEN(type) SP type SP LEN(payload) SP payload: what is signed.
std::string DssePreAuthEncoding(absl::string_view payload_type, absl::string_view payload);

// An envelope with one signature by each of `signers`, in order.
absl::StatusOr<DsseEnvelope> DsseSign(absl::string_view payload_type, absl::string_view payload,
                                      absl::Span<const PrivateKey* const> signers);

// The key id of the first trusted key with a valid signature over the payload. PERMISSION_DENIED if there is none or if
// the payload type is not `expected_type`.
absl::StatusOr<std::string> DsseVerify(const DsseEnvelope& envelope, absl::string_view expected_type,
                                       absl::Span<const PublicKey> trusted);

}  // namespace postern::crypto
