// Pauses a partner and serves it again.
#pragma once

#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/postern/v1/operator_service.pb.h"
#include "server/identity/principal.h"
#include "server/registry/control_plane.h"

namespace postern::revocation {

// Thread-safe. Errors of all methods: PARTNER_UNKNOWN, STATE_TRANSITION, storage errors.
class Suspender {
 public:
  explicit Suspender(registry::ControlPlane* control) : control_(*control) {}

  // ACTIVE → SUSPENDED(reason). When it returns, no write to the partner starts; the backlog waits. With validate_only
  // only the effect. INVALID_ARGUMENT without a reason.
  absl::StatusOr<v1::SuspendPartnerResponse> SuspendPartner(const identity::Principal& caller,
                                                            const v1::SuspendPartnerRequest& request);
  // SUSPENDED → ACTIVE. Re-authorises the backlog: an audit entry says how much. ETAG_MISMATCH; CONTRACT_NOT_IN_FORCE
  // or DOCUMENT_EXPIRED unless every contract of the partner is in force today.
  absl::StatusOr<v1::Partner> ResumePartner(const identity::Principal& caller, const v1::ResumePartnerRequest& request);

  // The gateway's own suspension, for example "contract_expired" or "supervision".
  absl::StatusOr<v1::SuspendPartnerResponse> SuspendFor(absl::string_view partner, absl::string_view reason);

  // A suspension whose commit the store did not answer for closes the fence all the same. This reads what became of it
  // and opens the fence of a partner that is ACTIVE after all. Goes on after an error and returns the first. For a
  // background loop; costs nothing if nothing is unknown.
  absl::Status SettleUnknown();

 private:
  absl::StatusOr<v1::SuspendPartnerResponse> Suspend(absl::string_view principal,
                                                     const v1::SuspendPartnerRequest& request);

  registry::ControlPlane& control_;
  std::set<std::string> unknown_ ABSL_GUARDED_BY(control_.mutex);  // partners
};

}  // namespace postern::revocation
