// What applying a bundle or activating a revision would change. Computed from what was read, before anything is
// written; validate_only stops here.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proto/postern/v1/operator_service.pb.h"
#include "server/registry/policy_in_force.h"
#include "server/registry/release_diff.h"
#include "server/storage/store.h"

namespace postern::registry {

// What a plan is made from.
struct PolicyState {
  std::string bundle_etag;  // of the bundle in force; empty before the first
  std::vector<storage::PartnerRow> partners;
  std::vector<storage::RevisionRow> revisions;    // of all partners
  std::shared_ptr<const PolicyInForce> in_force;  // null before the first bundle
};

// Whether a plan made from `a` is one made from `b`.
bool SameState(const PolicyState& a, const PolicyState& b);

struct PolicyPlan {
  std::vector<storage::RevisionRow> fresh;  // new, ACTIVE or PENDING; or the one that is activated
  std::vector<storage::RevisionRow> superseded;
  std::vector<std::string> widened;  // contracts without a new revision that would release more
  std::set<GrantKey> narrowed;       // grants in force now that would not be released in full
  v1::PolicyDiagnostics warnings;
  std::string policy_version;
  std::shared_ptr<const PolicyInForce> after;  // what would be in force
};

// POLICY_INVALID: the bundle does not compile, or not with the revisions that stay in force, or a contract's partner
// does not exist or is of another kind.
absl::StatusOr<PolicyPlan> PlanBundle(const PolicyState& state, const v1::PolicyBundle& bundle,
                                      absl::string_view principal, absl::Time now);

// The same for putting `revision` in force under `bundle`, the one in force. POLICY_INVALID.
absl::StatusOr<PolicyPlan> PlanActivation(const PolicyState& state, const v1::PolicyBundle& bundle,
                                          storage::RevisionRow revision, absl::string_view principal);

// OK if the contract and its documents are in force today; CONTRACT_NOT_IN_FORCE, DOCUMENT_EXPIRED.
absl::Status CheckInForce(const v1::Contract& contract, absl::Time now);

}  // namespace postern::registry
