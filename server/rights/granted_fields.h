// Which leaves a disclosure was granted, and what data they are: for reports, and to tell which disclosures rely on a
// consent.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/postern/v1/contract.pb.h"
#include "proto/postern/v1/subject_rights.pb.h"
#include "server/registry/snapshot.h"
#include "server/storage/store.h"

namespace postern::rights {

// What one interned grant stood for.
struct GrantFacts {
  storage::GrantRef ref;
  // Granted leaves with their categories by the policy in force; in the contract's order.
  std::vector<v1::AccessEntry::DisclosedField> fields;
  // How long the partner may keep the record, by the contract of then.
  v1::PartnerRetention partner_retention;
  // Null unless the grant is still in force; owned by the snapshot.
  const registry::ActiveGrant* active = nullptr;

  bool HasCategory(absl::string_view category) const;
};

// Remembers what it has read; for one piece of work. Not thread-safe.
class GrantedFields {
 public:
  GrantedFields(storage::Store* store, std::shared_ptr<const registry::Snapshot> snapshot)
      : store_(*store), snapshot_(std::move(snapshot)) {}

  // Reads the contract revision that the grant was made under. NOT_FOUND, LEDGER_UNAVAILABLE. The result lives as long
  // as this.
  absl::StatusOr<const GrantFacts*> Of(storage::GrantId id);

  // Whether the record that the partner may hold has data of `category`: by the grant, unless the ledger says that it
  // was withheld for want of consent or from a minor's record.
  absl::StatusOr<bool> Released(const storage::DisclosureRow& row, absl::string_view category);

 private:
  absl::Status ReadFields(GrantFacts* facts);

  storage::Store& store_;
  const std::shared_ptr<const registry::Snapshot> snapshot_;
  absl::flat_hash_map<storage::GrantId, std::unique_ptr<const GrantFacts>> known_;
};

}  // namespace postern::rights
