// Policy bundles and contract revisions: what is applied, what waits for a second person, what is in force.
//
// In force is: the catalogue and privacy policy of the newest bundle, and of every contract in that bundle's text the
// ACTIVE revision. A contract that the newest bundle no longer holds has ended: its revisions are SUPERSEDED, its
// partner keeps no grant of it, and its backlog is withdrawn. The partner's state does not change by that.
#pragma once

#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/postern/v1/operator_service.pb.h"
#include "server/registry/bundle_plan.h"
#include "server/registry/control_plane.h"

namespace postern::registry {

// The diagnostics inside a POLICY_INVALID status; empty if there are none. The status carries them under their type
// URL, "type.googleapis.com/postern.v1.PolicyDiagnostics".
v1::PolicyDiagnostics PolicyDiagnosticsOf(const absl::Status& status);

// Thread-safe. `principal` as in PartnerRegistry; persons are told apart by it.
class BundleRegistry {
 public:
  explicit BundleRegistry(ControlPlane* control) : control_(*control) {}

  // Compiles and applies a bundle, or with validate_only says what would happen. Compiling keeps no other change
  // waiting: it is done again if partners or revisions have changed meanwhile. A new revision is made of every
  // contract whose text changed; one that releases nothing its predecessor did not, and is in force today, is ACTIVE at
  // once, any other PENDING (the first of a contract always). Replaces pending revisions of the same contract.
  // Errors: POLICY_INVALID; ETAG_MISMATCH, also if changes never stop.
  absl::StatusOr<v1::ApplyPolicyBundleResponse> ApplyPolicyBundle(absl::string_view principal,
                                                                  const v1::ApplyPolicyBundleRequest& request);
  // POLICY_ABSENT before the first.
  absl::StatusOr<v1::PolicyBundle> GetPolicyBundle(const v1::GetPolicyBundleRequest& request);
  // PARTNER_UNKNOWN.
  absl::StatusOr<v1::ListContractRevisionsResponse> ListContractRevisions(
      const v1::ListContractRevisionsRequest& request);
  // Puts a pending revision in force and activates a DRAFT partner. NOT_FOUND; SECOND_PERSON_REQUIRED for the principal
  // that applied it; CONTRACT_NOT_IN_FORCE, DOCUMENT_EXPIRED today; STATE_TRANSITION if it is not pending;
  // PARTNER_TERMINATED; POLICY_INVALID if the policy has changed under it; ETAG_MISMATCH if changes never stop.
  absl::StatusOr<v1::ContractRevision> ActivateContractRevision(absl::string_view principal,
                                                                const v1::ActivateContractRevisionRequest& request);

 private:
  // Consistent under ControlPlane::mutex; without it, good for a plan that is checked with SameState later.
  absl::StatusOr<PolicyState> ReadState();
  absl::StatusOr<v1::ApplyPolicyBundleResponse> ApplyPlanned(absl::string_view principal,
                                                             const v1::ApplyPolicyBundleRequest& request,
                                                             const PolicyState& state, const PolicyPlan& plan,
                                                             absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(control_.mutex);
  // The pending revision of that name in `state`, if `principal` may put it in force now.
  absl::StatusOr<const storage::RevisionRow*> FindActivatable(const PolicyState& state, const std::string& name,
                                                              absl::string_view principal, absl::Time now);
  absl::Status ActivatePlanned(absl::string_view principal, const PolicyState& state, const PolicyPlan& plan,
                               absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(control_.mutex);
  // Remembers that one person has applied a bundle that needs two.
  absl::Status KeepForSecondPerson(absl::string_view principal, storage::BundleRow row, const PolicyPlan& plan);
  // True if another person than `principal` has applied this content and it waits.
  absl::StatusOr<bool> SecondPerson(absl::string_view digest, absl::string_view principal);
  // Writes what was planned, with `change` holding what is special to the caller. Returns the withdrawn records and
  // the bundle's etag.
  struct Applied {
    int64_t withdrawn = 0;
    std::string bundle_etag;
  };
  absl::StatusOr<Applied> Apply(const PolicyState& state, const PolicyPlan& plan, const absl::Time now,
                                absl::string_view principal, storage::ChangeSet change);

  ControlPlane& control_;
};

}  // namespace postern::registry
