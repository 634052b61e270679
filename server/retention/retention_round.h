// One page of due orders: what is over is withdrawn, noticed and destroyed.
//
// The order of the steps is the promise. 1: what waits for a partner is withdrawn. 2: the keys of orders that are over
// as a whole are destroyed. 3: one transaction writes the notices and when to look at each order next. A crash before
// step 3 leaves the orders due, and every step does nothing where it was done.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/postern/v1/deletion.pb.h"
#include "proto/postern/v1/retention_service.pb.h"
#include "server/crypto/key_id.h"
#include "server/crypto/uuid7.h"
#include "server/retention/order_plan.h"
#include "server/rights/granted_fields.h"
#include "server/rights/plane.h"
#include "server/storage/store.h"

namespace postern::retention {

// For one page. The caller holds RightsPlane::mutex. Errors of all methods: LEDGER_UNAVAILABLE.
class RetentionRound {
 public:
  RetentionRound(rights::RightsPlane* plane, crypto::Uuid7Generator* ids, absl::Time now);

  // Step 1 of one order. An order that cannot be judged is put off and counted; errors are the store's.
  absl::Status Look(const storage::RetentionOrderRow& due);
  // Steps 2 and 3. `totals` are those of all rounds until now.
  absl::Status Finish(absl::string_view principal, v1::RetentionReport totals);

  const v1::RetentionRound& counts() const { return counts_; }

 private:
  using Rows = std::vector<storage::DisclosureRow>;
  using Item = v1::DeletionNoticeStatement::Item;

  absl::Status Act(const storage::RetentionOrderRow& due);
  absl::StatusOr<Rows> Read(const storage::Mac16& order);
  // Until when a legal hold on one of the people keeps the order.
  absl::Time HeldUntil(const Rows& rows) const;
  // Withdraws records of which a part is over; true if there were any.
  absl::StatusOr<bool> Withdraw(const storage::Mac16& order, const Rows& rows, const OrderPlan& plan);
  absl::Status AddItems(const Rows& rows, const OrderPlan& plan);
  absl::Status AddOrderKey(const Rows& rows);
  // Orders that got a record between the look at them and the end of their keys stay open, and are due again at once.
  absl::Status KeepOrdersThatGrew();
  void LookAgain(storage::RetentionOrderRow row, absl::Time next_end);
  absl::Status AddCampaigns();
  bool DidAnything() const;

  rights::RightsPlane& plane_;
  crypto::Uuid7Generator& ids_;
  const absl::Time now_;
  const std::shared_ptr<const registry::Snapshot> snapshot_;
  rights::GrantedFields grants_;
  v1::RetentionRound counts_;
  storage::ChangeSet change_;
  std::vector<crypto::KeyId> keys_;
  absl::flat_hash_map<storage::Mac16, size_t> closing_;  // orders, and how many records they had
  std::map<storage::PartnerId, std::vector<Item>> items_;
};

}  // namespace postern::retention
