// Dead letters: records that a partner rejected or that failed too often. Each blocks its record key until an operator
// replays or drops it.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/postern/v1/operator_service.pb.h"
#include "server/delivery/delivery_hub.h"
#include "server/disclosure/grant_cache.h"
#include "server/identity/principal.h"
#include "server/registry/grant_archive.h"
#include "server/registry/partner_fence.h"
#include "server/registry/snapshot.h"
#include "server/storage/store.h"

namespace postern::delivery {

// Thread-safe; methods block on the store. Errors besides those named: INVALID_ARGUMENT, LEDGER_UNAVAILABLE.
class DeadLetters {
 public:
  DeadLetters(const registry::SnapshotHolder* snapshots, registry::GrantArchive* archive, storage::Store* store,
              DeliveryHub* hub, std::string log_origin, std::function<absl::Time()> clock);

  // PARTNER_UNKNOWN. The caller's gate has audited the read.
  absl::StatusOr<v1::ListDeadLettersResponse> List(const v1::ListDeadLettersRequest& request);
  // The record is delivered again, before the later ones of its key, if the plan in force releases all that the plan
  // releases which it was made under. If it does not, or the contract has ended, the record is withdrawn and the answer
  // is PURPOSE_NOT_GRANTED; likewise, without being withdrawn, while the contract is not in force today. NOT_FOUND if
  // it is no dead letter; PARTNER_* if the partner is not active; FENCED if it is being stopped.
  absl::StatusOr<v1::ReplayDeadLetterResponse> Replay(const identity::Principal& principal,
                                                      const v1::ReplayDeadLetterRequest& request);
  // The record is given up, and its key goes on. NOT_FOUND if it is no dead letter.
  absl::StatusOr<v1::DropDeadLetterResponse> Drop(const identity::Principal& principal,
                                                  const v1::DropDeadLetterRequest& request);

 private:
  struct Found {
    const registry::PartnerView* partner = nullptr;  // owned by the snapshot
    storage::PendingPayload payload;
  };
  absl::StatusOr<Found> Find(const registry::Snapshot& snapshot, const std::string& name) const;
  // Of the partner in a disclosure's name.
  absl::StatusOr<registry::PartnerFence::Pass> EnterFence(const std::string& name) const;
  // Ends the dead letter as WITHDRAWN; returns why.
  absl::Status Withdraw(const identity::Principal& principal, const std::string& name, const Found& found,
                        const storage::GrantRef& ref);

  const registry::SnapshotHolder* const snapshots_;
  registry::GrantArchive* const archive_;
  storage::Store* const store_;
  DeliveryHub* const hub_;
  const std::string log_origin_;
  const std::function<absl::Time()> clock_;
  disclosure::GrantCache grants_;
};

}  // namespace postern::delivery
