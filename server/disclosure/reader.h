// Reading the ledger back for the shop. Every read is audited before it is answered.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/postern/v1/storefront_service.pb.h"
#include "server/crypto/key_store.h"
#include "server/disclosure/grant_cache.h"
#include "server/identity/principal.h"
#include "server/registry/grant_archive.h"
#include "server/registry/snapshot.h"
#include "server/storage/store.h"

namespace postern::disclosure {

// Thread-safe; methods block on the store. That something was read, the caller's gate has audited before. Errors
// besides those named: INVALID_ARGUMENT, LEDGER_UNAVAILABLE.
class Reader {
 public:
  // Borrows the parts. `log_origin` is told with every disclosure.
  Reader(const registry::SnapshotHolder* snapshots, registry::GrantArchive* archive, storage::Store* store,
         crypto::KeyStore* keys, std::string log_origin, std::function<absl::Time()> clock);

  // With the fields that were withheld, as the plan of that time has it. NOT_FOUND if there is none of that name.
  absl::StatusOr<v1::Disclosure> Get(const v1::GetDisclosureRequest& request);
  // PARTNER_UNKNOWN.
  absl::StatusOr<v1::ListDisclosuresResponse> List(const v1::ListDisclosuresRequest& request);
  // Stores and audits an event of an order.
  absl::StatusOr<v1::ReportOrderEventResponse> ReportOrderEvent(const identity::Principal& principal,
                                                                const v1::ReportOrderEventRequest& request);

 private:
  // The plan behind a disclosure, in force or not.
  absl::StatusOr<std::shared_ptr<const policy::CompiledGrant>> PlanOf(
      const std::shared_ptr<const registry::Snapshot>& snapshot, const registry::PartnerView& partner,
      storage::GrantId id, const storage::GrantRef& ref);

  const registry::SnapshotHolder* const snapshots_;
  registry::GrantArchive* const archive_;
  storage::Store* const store_;
  crypto::KeyStore* const keys_;
  const std::string log_origin_;
  const std::function<absl::Time()> clock_;
  GrantCache grants_;
};

}  // namespace postern::disclosure
