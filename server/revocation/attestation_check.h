// Whether an attestation answers its notice. Pure but for signature verification.
#pragma once

#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proto/postern/v1/contract.pb.h"
#include "proto/postern/v1/deletion.pb.h"
#include "proto/postern/v1/partner.pb.h"
#include "server/revocation/amendment.h"

namespace postern::revocation {

// How far a partner's clock may be from ours, either way. That the notice came first is proven by its digest in the
// attestation, so a clock that is behind, or one that counts whole seconds, costs nothing.
inline constexpr absl::Duration kClockSkew = absl::Minutes(5);

// Verifies payload type and signature against the partner's registered keys, then reads the statement.
// ATTESTATION_SIGNATURE; INVALID_ARGUMENT if the signed bytes are no statement.
absl::StatusOr<v1::DeletionAttestationStatement> OpenAttestation(const v1::SignedEnvelope& envelope,
                                                                 const v1::Partner& partner, absl::string_view notice);

// The category of a leaf of a record type, empty if unknown.
using CategoryOf = absl::FunctionRef<std::string(absl::string_view record_type, absl::string_view path)>;

// Checks `statement` against the notice it must answer: same notice, digest and partner (ATTESTATION_NOTICE_DIGEST);
// made neither before the notice nor in the future (ATTESTATION_TIME, see kClockSkew); exactly one outcome for every
// handle (ATTESTATION_GAP, ATTESTATION_FOREIGN_HANDLE, INVALID_ARGUMENT for a handle named twice); exemptions on a
// ground of a contract in `terms` that granted the item a field of the exempted categories, for no longer than it
// allows (ATTESTATION_EXEMPTION). An amendment's exemptions that say what the `earlier` answer said were
// checked then; others last no longer than the contract allows from the first answer on.
absl::Status CheckAttestation(const v1::DeletionAttestationStatement& statement, const v1::DeletionNotice& notice,
                              const v1::DeletionNoticeStatement& asked, const std::vector<v1::Contract>& terms,
                              CategoryOf category_of, absl::Time now, const std::optional<EarlierAnswer>& earlier);

}  // namespace postern::revocation
