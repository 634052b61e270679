// PartnerService.SubmitResult: a partner's result, projected to the contract's inbound grant and kept sealed for the
// shop.
#pragma once

#include <functional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/postern/v1/partner_service.pb.h"
#include "server/crypto/key_store.h"
#include "server/delivery/inbound.h"
#include "server/delivery/result_quota.h"
#include "server/disclosure/grant_cache.h"
#include "server/identity/principal.h"
#include "server/registry/snapshot.h"
#include "server/storage/store.h"

namespace postern::delivery {

// Thread-safe; Submit blocks on the store.
class ResultReceiver {
 public:
  // Borrows the parts. `on_outcomes` is called after a result became durable; may be null, and so may `on_finding`.
  ResultReceiver(const registry::SnapshotHolder* snapshots, storage::Store* store, crypto::KeyStore* keys,
                 std::function<absl::Time()> clock, std::function<void()> on_outcomes,
                 OnInboundFinding on_finding = nullptr, ResultLimits limits = {});

  // Whether the caller may submit now: RESULT_LIMIT. Does not block: to be asked before a thread is taken.
  absl::Status Admit(const identity::Principal& principal) { return quota_.Admit(principal.partner, clock_()); }

  // Errors: NOT_FOUND (no such disclosure of this partner), PARTNER_* states, PURPOSE_NOT_GRANTED (nothing of this type
  // comes back), RESPONSE_MALFORMED, VERIFIER_FINDING, RECORD_TOO_LARGE, REQUEST_ID_*, RESULT_LIMIT, KEY_SHREDDED (the
  // subject is erased), LEDGER_UNAVAILABLE.
  absl::StatusOr<v1::SubmitResultResponse> Submit(const identity::Principal& principal,
                                                  const v1::SubmitResultRequest& request);

 private:
  // Makes the projected result durable, within the quota. ALREADY_EXISTS if it was before.
  absl::Status Keep(const identity::Principal& principal, const v1::SubmitResultRequest& request,
                    const storage::DisclosureRow& row, storage::ChangeSet::SubmittedResult result, absl::Time now);

  const registry::SnapshotHolder* const snapshots_;
  storage::Store* const store_;
  crypto::KeyStore* const keys_;
  const std::function<absl::Time()> clock_;
  const std::function<void()> on_outcomes_;
  const OnInboundFinding on_finding_;
  disclosure::GrantCache grants_;
  ResultQuota quota_;
};

}  // namespace postern::delivery
