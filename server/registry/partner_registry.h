// Partners as operators see and change them. States change elsewhere: activation in bundle_registry.h, the rest in
// server/revocation.
#pragma once

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proto/postern/v1/operator_service.pb.h"
#include "server/registry/audit_entry.h"
#include "server/registry/control_plane.h"

namespace postern::registry {

// What the audit log says of a certificate.
struct IssuedCertificate {
  std::string name;    // the one SAN
  std::string serial;  // lower-case hex
  std::string digest;  // lower-case hex SHA-256 of the DER certificate
  absl::Time not_after;
};

// Thread-safe. `principal` is the caller's name, as identity::Principal::name has it; it goes into the audit log.
// Errors of all methods: PARTNER_UNKNOWN, INVALID_ARGUMENT with the field in metadata "field", storage errors.
class PartnerRegistry {
 public:
  explicit PartnerRegistry(ControlPlane* control) : control_(*control) {}

  // A partner in DRAFT, with its epoch, pseudonym and handle keys. ALREADY_EXISTS if the name, or one of its
  // identities, is taken.
  absl::StatusOr<v1::Partner> CreatePartner(absl::string_view principal, const v1::CreatePartnerRequest& request);
  // Replaces the masked fields. ETAG_MISMATCH; ALREADY_EXISTS for an identity of another partner; INVALID_ARGUMENT for
  // another kind. Connections are aborted when an identity was removed. What lets somebody new speak, receive or sign
  // for a partner that has left DRAFT takes effect when a second person asks for the very same change: the first gets
  // SECOND_PERSON_REQUIRED (also with validate_only, which stores nothing), and the change waits in
  // Partner.pending_update until then or until the partner is changed otherwise. Taking away is one person's, but not
  // from a revoked partner.
  absl::StatusOr<v1::Partner> UpdatePartner(absl::string_view principal, const v1::UpdatePartnerRequest& request);
  // Registers `identity`, whose enrolled_key_sha256 says which key is certified for its name, or gives a registered one
  // that key. Nothing changes if it has it already, which is a renewal. Another key is somebody new who speaks for the
  // partner: as with UpdatePartner.
  absl::StatusOr<v1::Partner> EnrolIdentity(absl::string_view principal, const std::string& partner,
                                            const v1::PartnerIdentity& identity);
  // Enters in the audit log that a certificate was issued for a partner; before it is handed out.
  absl::Status RecordCertificate(absl::string_view principal, absl::string_view partner,
                                 const IssuedCertificate& certificate);
  absl::StatusOr<v1::Partner> GetPartner(const v1::GetPartnerRequest& request);
  absl::StatusOr<v1::ListPartnersResponse> ListPartners(const v1::ListPartnersRequest& request);

 private:
  // Stores `wanted` in place of `stored`, or what waits for a second person.
  absl::StatusOr<v1::Partner> Change(absl::string_view principal, const storage::PartnerRow& stored, v1::Partner wanted,
                                     bool validate_only) ABSL_EXCLUSIVE_LOCKS_REQUIRED(control_.mutex);
  // Stores `wanted` with `row` as the update that waits, unless it does already.
  absl::Status AwaitSecondPerson(const Act& act, storage::PartnerRow row, const v1::Partner& wanted, Details details)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(control_.mutex);

  ControlPlane& control_;
};

}  // namespace postern::registry
