// Withdrawing a backlog that narrower grants no longer release, in the same transaction as the narrowing.
//
// By grant, not by content: a record that waits under a narrowed grant goes even if it holds nothing of what was taken
// away. Its projection alone cannot tell (a condition may read what was never granted, a pseudonym is not made twice),
// and the record itself is not stored. The shop is told and may send it again at once, with the same version.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/registry/control_plane.h"
#include "server/registry/release_diff.h"
#include "server/storage/store.h"

namespace postern::registry {

// Holds the partners of narrowed grants still while the change is made. The caller holds ControlPlane::mutex for the
// whole life of this. Not thread-safe.
class Withdrawal {
 public:
  Withdrawal(ControlPlane* control, std::set<GrantKey> narrowed) : control_(*control), narrowed_(std::move(narrowed)) {}
  // Serves the partners again that were served before, from what is stored then: the withdrawn backlog after a change
  // that was made, the whole one after a change that failed.
  ~Withdrawal();
  Withdrawal(const Withdrawal&) = delete;
  Withdrawal& operator=(const Withdrawal&) = delete;

  // Raises the partners' fences, so that nothing more is committed until the caller has applied `change` and rebuilt
  // the snapshot; closes them, so that nothing more is handed over; then adds one settlement for every waiting record
  // of a narrowed grant to `change`. Does nothing if no grant was narrowed. After an error the fences are raised and
  // nothing else changed.
  absl::Status Prepare(const std::vector<storage::PartnerRow>& partners, absl::Time now, storage::ChangeSet* change);

  // Records that Prepare added.
  int64_t count() const { return count_; }

 private:
  struct Paused {
    storage::PartnerId id = 0;
    std::shared_ptr<PartnerFence> fence;
    bool was_open = false;
  };
  absl::Status AddSettlements(const storage::PartnerRow& row, absl::Time now, storage::ChangeSet* change);
  absl::StatusOr<bool> IsNarrowed(storage::GrantId id);

  ControlPlane& control_;
  const std::set<GrantKey> narrowed_;
  std::vector<Paused> paused_;
  absl::flat_hash_map<storage::GrantId, bool> decided_;
  uint64_t raised_to_ = 0;  // the store's fence version after the raise
  int64_t count_ = 0;
};

}  // namespace postern::registry
