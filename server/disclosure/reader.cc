#include "server/disclosure/reader.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "policy/projection/projector.h"
#include "proto/errors/error.h"
#include "server/crypto/name_digest.h"
#include "server/disclosure/audit_entry.h"
#include "server/disclosure/errors.h"
#include "server/disclosure/limits.h"
#include "server/disclosure/names.h"
#include "server/disclosure/receipt.h"
#include "server/disclosure/resolver.h"
#include "server/registry/errors.h"
#include "server/registry/page.h"
#include "server/registry/times.h"

namespace postern::disclosure {
namespace {

// How many rows a page looks at before it is returned short: a rare state must not make one call read the whole ledger.
constexpr int kMaxScanned = 10 * limits::kMaxPageSize;

}  // namespace

Reader::Reader(const registry::SnapshotHolder* snapshots, registry::GrantArchive* archive, storage::Store* store,
               crypto::KeyStore* keys, std::string log_origin, std::function<absl::Time()> clock)
    : snapshots_(snapshots),
      archive_(archive),
      store_(store),
      keys_(keys),
      log_origin_(std::move(log_origin)),
      clock_(std::move(clock)),
      grants_(store) {}

absl::StatusOr<v1::Disclosure> Reader::Get(const v1::GetDisclosureRequest& request) {
  POSTERN_ASSIGN_OR_RETURN(const ParsedName name, ParseDisclosureName("name", request.name()));
  const std::shared_ptr<const registry::Snapshot> snapshot = snapshots_->Get();
  const registry::PartnerView* partner = snapshot->FindPartner(name.partner);
  if (partner == nullptr) return errors::NotFound(request.name());
  absl::StatusOr<storage::DisclosureRow> row = store_->ReadDisclosure(name.id);
  if (absl::IsNotFound(row.status()) || (row.ok() && row->partner != partner->id)) {
    return errors::NotFound(request.name());
  }
  POSTERN_RETURN_IF_ERROR(row.status());
  POSTERN_ASSIGN_OR_RETURN(const std::shared_ptr<const storage::GrantRef> grant, grants_.Get(row->grant));
  v1::Disclosure disclosure = DisclosureOf(*row, *grant, name.partner, log_origin_);
  const auto plan = PlanOf(snapshot, *partner, row->grant, *grant);
  // A later gateway may not compile what an earlier one did: the rest of the answer is worth having.
  if (ReasonOf(plan.status()) == v1::ERROR_REASON_POLICY_INVALID) return disclosure;
  POSTERN_RETURN_IF_ERROR(plan.status());
  for (const policy::WithheldField& field : policy::WithheldFromBits(*(*plan)->plan, row->withheld_bits)) {
    *disclosure.add_withheld() = ToProto(field);
  }
  return disclosure;
}

absl::StatusOr<std::shared_ptr<const policy::CompiledGrant>> Reader::PlanOf(
    const std::shared_ptr<const registry::Snapshot>& snapshot, const registry::PartnerView& partner,
    storage::GrantId id, const storage::GrantRef& ref) {
  for (const registry::ActiveGrant& active : partner.grants) {
    if (active.grant_id == id) return std::shared_ptr<const policy::CompiledGrant>(snapshot, active.grant);
  }
  return archive_->Find(ref);
}

absl::StatusOr<v1::ListDisclosuresResponse> Reader::List(const v1::ListDisclosuresRequest& request) {
  POSTERN_ASSIGN_OR_RETURN(const int page_size,
                           registry::PageSize(request.page_size(), limits::kDefaultPageSize, limits::kMaxPageSize));
  POSTERN_ASSIGN_OR_RETURN(int64_t before, registry::PositionToken(request.page_token()));
  const registry::PartnerView* partner = nullptr;
  const std::shared_ptr<const registry::Snapshot> snapshot = snapshots_->Get();
  partner = snapshot->FindPartner(request.parent());
  if (partner == nullptr) return registry::errors::PartnerUnknown(request.parent());
  v1::ListDisclosuresResponse response;
  for (int scanned = 0; scanned < kMaxScanned && response.disclosures_size() < page_size;) {
    const int wanted = request.state() == v1::DISCLOSURE_STATE_UNSPECIFIED ? page_size - response.disclosures_size()
                                                                           : limits::kMaxPageSize;
    POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::DisclosureRow> rows,
                             store_->ListDisclosures(partner->id, before, wanted));
    for (const storage::DisclosureRow& row : rows) {
      before = row.seq;
      ++scanned;
      if (request.state() != v1::DISCLOSURE_STATE_UNSPECIFIED && row.state != request.state()) continue;
      POSTERN_ASSIGN_OR_RETURN(const std::shared_ptr<const storage::GrantRef> grant, grants_.Get(row.grant));
      *response.add_disclosures() = DisclosureOf(row, *grant, request.parent(), log_origin_);
      if (response.disclosures_size() == page_size) break;
    }
    if (static_cast<int>(rows.size()) < wanted && response.disclosures_size() < page_size) {
      before = 0;
      break;
    }
  }
  // Position 1 is the first of the ledger: nothing is before it.
  if (before > 1) response.set_next_page_token(absl::StrCat(before));
  return response;
}

absl::StatusOr<v1::ReportOrderEventResponse> Reader::ReportOrderEvent(const identity::Principal& principal,
                                                                      const v1::ReportOrderEventRequest& request) {
  const absl::Time now = clock_();
  if (request.order_id().empty()) return errors::InvalidField("order_id", "is missing");
  if (request.event() == v1::ORDER_EVENT_UNSPECIFIED || !v1::OrderEvent_IsValid(request.event())) {
    return errors::InvalidField("event", "is missing or unknown");
  }
  if (!request.has_event_time()) return errors::InvalidField("event_time", "is missing");
  const absl::Time event_time = registry::ToTime(request.event_time());
  if (event_time > now + limits::kClockSkew) return errors::InvalidField("event_time", "is in the future");
  storage::ChangeSet change;
  const storage::Mac16 order =
      Truncated(crypto::DigestName(keys_->index_key(), crypto::NameDomain::kOrder, request.order_id()));
  change.order_events.push_back({order, static_cast<int>(request.event()), event_time});
  v1::AuditEntry entry = MakeEntry(v1::AuditEntry::KIND_STATE_CHANGE, now, principal.name, "");
  (*entry.mutable_details())["order_event"] = v1::OrderEvent_Name(request.event());
  POSTERN_ASSIGN_OR_RETURN(std::string leaf, PublicLeaf(entry));
  change.audit_leaves.push_back(std::move(leaf));
  POSTERN_RETURN_IF_ERROR(store_->Apply(change).status());
  return v1::ReportOrderEventResponse();
}

}  // namespace postern::disclosure
