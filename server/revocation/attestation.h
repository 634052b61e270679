// What partners answer to deletion notices, and what is believed.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/postern/v1/operator_service.pb.h"
#include "proto/postern/v1/partner_service.pb.h"
#include "server/identity/principal.h"
#include "server/registry/control_plane.h"

namespace postern::revocation {

// Thread-safe. NOT_FOUND for a notice that is not the caller's, as for one that does not exist.
class AttestationDesk {
 public:
  explicit AttestationDesk(registry::ControlPlane* control) : control_(*control) {}

  // Received, not done. Idempotent; does nothing to an attested notice.
  absl::StatusOr<v1::AcknowledgeDeletionNoticeResponse> AcknowledgeDeletionNotice(
      const identity::Principal& caller, const v1::AcknowledgeDeletionNoticeRequest& request);

  // Believes an attestation that a registered key of the partner signed over the notice's digest and that gives every
  // handle one outcome; ends the campaign with the last one. One that amends the last attestation of the notice takes
  // its place, see amendment.h, and may end an EXEMPTED campaign. Refused by reason, counted and audited:
  // ATTESTATION_SIGNATURE, ATTESTATION_NOTICE_DIGEST, ATTESTATION_REPLAYED, ATTESTATION_TIME, ATTESTATION_GAP,
  // ATTESTATION_FOREIGN_HANDLE, ATTESTATION_EXEMPTION, ATTESTATION_AMENDMENT, INVALID_ARGUMENT (not a statement, or a
  // handle twice).
  absl::StatusOr<v1::AttestDeletionResponse> AttestDeletion(const identity::Principal& caller,
                                                            const v1::AttestDeletionRequest& request);

  // For contracts with `attestation: DOCUMENT`: a privacy officer records the document, another person records the same
  // again, and the notice is ATTESTED_BY_DOCUMENT with every handle deleted. After the first call the notice is
  // returned as it was. ROLE_DENIED if the first is no privacy officer; SECOND_PERSON_REQUIRED if the second is the
  // first; ATTESTATION_SIGNATURE if a contract asks for the partner's key; ATTESTATION_REPLAYED; ATTESTATION_TIME.
  absl::StatusOr<v1::DeletionNotice> RecordDocumentAttestation(const identity::Principal& caller,
                                                               const v1::RecordDocumentAttestationRequest& request);

 private:
  registry::ControlPlane& control_;
};

}  // namespace postern::revocation
