// Whether an attestation is one that a gateway would believe.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/verify/public_key.h"
#include "proto/postern/v1/deletion.pb.h"

namespace postern::client::conformance {

// The statement inside `given`, an answer to `notice` by one of the partner's `keys`. ATTESTATION_SIGNATURE,
// ATTESTATION_NOTICE_DIGEST, ATTESTATION_TIME, ATTESTATION_GAP, ATTESTATION_FOREIGN_HANDLE, ATTESTATION_EXEMPTION (no
// ground, or no end to come), ATTESTATION_REPLAYED and ATTESTATION_AMENDMENT as a gateway says them; INVALID_ARGUMENT
// for what is no statement. Grounds are taken as they come: they are the contract's.
absl::StatusOr<v1::DeletionAttestationStatement> Review(const v1::SignedEnvelope& given,
                                                        const v1::DeletionNotice& notice, const std::string& partner,
                                                        const std::vector<verify::PublicKey>& keys);

}  // namespace postern::client::conformance
