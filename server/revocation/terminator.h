// Revokes a partner for good. The order of the steps is the promise: see Terminate in the .cc.
#pragma once

#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/postern/v1/operator_service.pb.h"
#include "server/crypto/uuid7.h"
#include "server/identity/principal.h"
#include "server/registry/control_plane.h"
#include "server/revocation/campaign_runner.h"

namespace postern::revocation {

// Thread-safe. Errors of all methods: PARTNER_UNKNOWN, STATE_TRANSITION, storage errors. If a storage error comes after
// the first step, the partner is TERMINATING, nothing is handed over to it any more, and FinishCuts, or
// ResumeTerminations at the next start, does the rest. If the store does not say whether it has the first step, nothing
// is handed over either, until FinishCuts has read what became of it.
class Terminator {
 public:
  // `campaigns` is woken when there is something to enumerate.
  Terminator(registry::ControlPlane* control, CampaignRunner* campaigns) : control_(*control), campaigns_(*campaigns) {}

  // When it returns, no byte more is written to the partner. With validate_only the effect, and nothing happens.
  // ETAG_MISMATCH; CONFIRMATION_REQUIRED unless `confirm` is the name; INVALID_ARGUMENT without a reason.
  absl::StatusOr<v1::TerminatePartnerResponse> TerminatePartner(const identity::Principal& caller,
                                                                const v1::TerminatePartnerRequest& request);
  // The gateway's own termination, for example "contract_expired".
  absl::StatusOr<v1::TerminatePartnerResponse> TerminateFor(absl::string_view partner, absl::string_view reason);

  // Takes up every termination that a crash interrupted. Called at start, after the first Rebuild and before the
  // partners' listener opens.
  absl::Status ResumeTerminations();
  // Tries again what failed after the first step of a termination, above all destroying the keys. Goes on after an
  // error and returns the first. For a background loop; costs nothing if nothing failed.
  absl::Status FinishCuts();

 private:
  struct Request;
  absl::StatusOr<v1::TerminatePartnerResponse> Terminate(const Request& request);
  absl::StatusOr<storage::CampaignRow> Commit(const Request& request, storage::PartnerRow* row);
  absl::StatusOr<int> Cut(const storage::PartnerRow& row);
  absl::Status Destroy(const storage::PartnerRow& row);
  // Nothing leaves until Finish knows.
  void CloseUnknown(const std::string& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(control_.mutex);
  // Cuts what is TERMINATING; lets what is not go on.
  absl::Status Finish(const std::string& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(control_.mutex);

  registry::ControlPlane& control_;
  CampaignRunner& campaigns_;
  crypto::Uuid7Generator ids_;
  std::set<std::string> unfinished_ ABSL_GUARDED_BY(control_.mutex);  // partners whose Cut failed, or Commit is unknown
};

}  // namespace postern::revocation
