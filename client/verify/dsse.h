// DSSE v1 envelopes (https://github.com/secure-systems-lab/dsse), checked over the payload bytes as carried.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "client/verify/public_key.h"

namespace postern::client::verify {

struct SignatureView {
  absl::string_view key_id;
  absl::string_view signature;
};

// "DSSEv1" SP LEN(type) SP type SP LEN(payload) SP payload.
std::string PreAuthEncoding(absl::string_view payload_type, absl::string_view payload);

// The key id of a trusted key that signed the payload under `payload_type`; DATA_LOSS if none did. Key ids in the
// envelope only order the attempts.
absl::StatusOr<std::string> VerifyEnvelope(absl::string_view payload_type, absl::string_view payload,
                                           absl::Span<const SignatureView> signatures,
                                           absl::Span<const PublicKey> trusted);

}  // namespace postern::client::verify
