// What people ask, as resources with states: taken, verified, run, denied, cancelled, reported.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proto/postern/v1/subject_rights_service.pb.h"
#include "server/crypto/uuid7.h"
#include "server/identity/principal.h"
#include "server/rights/erasure.h"
#include "server/rights/plane.h"

namespace postern::rights {

// Within what time a request is answered, and how long it waits for a verification.
inline constexpr absl::Duration kRequestTerm = absl::Hours(24 * 15);
inline constexpr absl::Duration kGuardianTerm = absl::Hours(24 * 5);
inline constexpr absl::Duration kVerificationTerm = absl::Hours(24 * 14);

// Thread-safe; methods block on the store. Errors of all methods besides those named: INVALID_ARGUMENT, NOT_FOUND,
// ROLE_DENIED where a minor is concerned, LEDGER_UNAVAILABLE.
class RequestDesk {
 public:
  RequestDesk(RightsPlane* plane, SubjectLedger* ledger, Eraser* eraser)
      : plane_(*plane), ledger_(*ledger), eraser_(*eraser) {}

  // REQUEST_ID_INVALID, REQUEST_ID_EXPIRED, REQUEST_ID_REUSED, GUARDIAN_UNLINKED.
  absl::StatusOr<v1::SubjectRequest> Create(const identity::Principal& caller,
                                            const v1::CreateSubjectRequestRequest& request);
  absl::StatusOr<v1::SubjectRequest> Get(const v1::GetSubjectRequestRequest& request);
  absl::StatusOr<v1::ListSubjectRequestsResponse> List(const v1::ListSubjectRequestsRequest& request);
  // REQUEST_STATE unless it waits for that.
  absl::StatusOr<v1::SubjectRequest> Verify(const identity::Principal& caller,
                                            const v1::VerifySubjectRequestRequest& request);
  // IDENTITY_UNVERIFIED; GUARDIAN_UNLINKED; REQUEST_STATE if it has begun or ended.
  absl::StatusOr<v1::SubjectRequest> Run(const identity::Principal& caller,
                                         const v1::RunSubjectRequestRequest& request);
  // REQUEST_STATE if it has begun or ended.
  absl::StatusOr<v1::SubjectRequest> Deny(const identity::Principal& caller,
                                          const v1::DenySubjectRequestRequest& request);
  absl::StatusOr<v1::SubjectRequest> Cancel(const identity::Principal& caller,
                                            const v1::CancelSubjectRequestRequest& request);

  // What time brings: verifications that never came, terms that ended, requests that waited, answers of partners. Goes
  // on after an error and returns the first.
  absl::Status RunOnce();

 private:
  // The caller holds the plane's mutex for all of them.
  absl::Status Put(const storage::SubjectRequestRow& row, absl::string_view principal, absl::string_view action);
  absl::Status End(storage::SubjectRequestRow* row, v1::SubjectRequest::State state, absl::string_view principal,
                   absl::string_view action);
  absl::Status Tick(storage::SubjectRequestRow row);
  // REQUEST_STATE if it has begun or ended; ROLE_DENIED if it concerns a minor and is not for `caller`.
  absl::StatusOr<storage::SubjectRequestRow> ReadWaiting(absl::string_view name, const identity::Principal& caller);
  // GUARDIAN_UNLINKED if a guardian asks who is none any more.
  absl::Status CheckAsker(const v1::SubjectRequest& request);

  RightsPlane& plane_;
  SubjectLedger& ledger_;
  Eraser& eraser_;
  crypto::Uuid7Generator ids_;
};

}  // namespace postern::rights
