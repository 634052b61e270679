// In an emergency: every partner, or every one of a kind, at once.
#pragma once

#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "proto/postern/v1/operator_service.pb.h"
#include "server/identity/principal.h"
#include "server/registry/control_plane.h"
#include "server/revocation/suspender.h"
#include "server/revocation/terminator.h"

namespace postern::revocation {

// Thread-safe. Partners are revoked one after the other, each as if it had been asked for alone: what is done when one
// fails, or when the gateway dies in between, stays done. Errors of both methods, before anything is done:
// INVALID_ARGUMENT, storage errors. What fails for one partner is in its entry.
class BatchRevoker {
 public:
  BatchRevoker(registry::ControlPlane* control, Suspender* suspender, Terminator* terminator)
      : control_(*control), suspender_(*suspender), terminator_(*terminator) {}

  absl::StatusOr<v1::BatchSuspendPartnersResponse> Suspend(const identity::Principal& caller,
                                                           const v1::BatchSuspendPartnersRequest& request);
  // CONFIRMATION_REQUIRED unless the kind is repeated.
  absl::StatusOr<v1::BatchTerminatePartnersResponse> Terminate(const identity::Principal& caller,
                                                               const v1::BatchTerminatePartnersRequest& request);

 private:
  // Partners of `kind`, or of all kinds where it is empty, of which `wanted` is true, by name.
  absl::StatusOr<std::vector<v1::Partner>> Choose(const std::string& kind,
                                                  absl::FunctionRef<bool(const v1::Partner&)> wanted) const;

  registry::ControlPlane& control_;
  Suspender& suspender_;
  Terminator& terminator_;
};

}  // namespace postern::revocation
