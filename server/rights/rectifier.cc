#include "server/rights/rectifier.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "policy/projection/projector.h"
#include "proto/errors/error.h"
#include "proto/postern/v1/storefront_service.pb.h"
#include "server/base/failpoint.h"
#include "server/crypto/name_digest.h"
#include "server/disclosure/errors.h"
#include "server/disclosure/resolver.h"
#include "server/registry/audit_entry.h"
#include "server/registry/errors.h"
#include "server/registry/times.h"
#include "server/rights/deleted_copies.h"
#include "server/rights/errors.h"
#include "server/rights/granted_fields.h"
#include "server/rights/recall.h"
#include "server/rights/subject_ledger.h"

namespace postern::rights {
namespace {

constexpr size_t kTargetsOfOneCall = 8;

// Any grant's plan tells the roles of a type's fields.
const registry::ActiveGrant* AnyGrantOf(const registry::Snapshot& snapshot, absl::string_view record_type) {
  for (const auto& [name, partner] : snapshot.partners) {
    for (const registry::ActiveGrant& grant : partner->grants) {
      if (record_type == absl::string_view(grant.grant->record_type)) return &grant;
    }
  }
  return nullptr;
}

bool Waits(const storage::DisclosureRow& row) {
  return row.state == v1::DISCLOSURE_STATE_PENDING || row.state == v1::DISCLOSURE_STATE_POSSIBLY_HELD ||
         row.state == v1::DISCLOSURE_STATE_DEAD_LETTERED;
}

// What one partner has of a record for one purpose, or waits for.
struct Copy {
  storage::Hash32 handle{};
  absl::Time last = absl::InfinitePast();  // when the newest version was disclosed
  bool waits = false;
};

// Waits for the answer.
absl::StatusOr<v1::CreateDisclosureResponse> Create(disclosure::Discloser& discloser, const identity::Principal& caller,
                                                    const v1::CreateDisclosureRequest& request) {
  absl::Notification answered;
  absl::StatusOr<v1::CreateDisclosureResponse> answer;
  discloser.Create(caller, request, [&](absl::StatusOr<v1::CreateDisclosureResponse> response) {
    answer = std::move(response);
    answered.Notify();
  });
  answered.WaitForNotification();
  return answer;
}

}  // namespace

absl::StatusOr<Rectifier::Facts> Rectifier::ReadFacts(const v1::Record& record,
                                                      const registry::Snapshot& snapshot) const {
  POSTERN_RETURN_IF_ERROR(disclosure::CheckRecord(record));
  if (snapshot.bundle == nullptr) return registry::errors::PolicyAbsent();
  const registry::ActiveGrant* grant = AnyGrantOf(snapshot, record.type());
  if (grant == nullptr) return disclosure::errors::RecordTypeUnknown(record.type());
  policy::Extracts extracts;
  POSTERN_RETURN_IF_ERROR(
      policy::ExtractRoles(*grant->grant->plan, registry::UtcDay(plane_.clock()), record.data(), &extracts));
  if (!extracts.has_record_version) {
    return registry::errors::InvalidField("record", "has no version, so that nothing tells the newer from the older");
  }
  const crypto::HmacKey& key = plane_.keys->index_key();
  Facts facts;
  facts.order = disclosure::Truncated(crypto::DigestName(key, crypto::NameDomain::kOrder, extracts.order_id));
  facts.record_key =
      disclosure::Truncated(crypto::DigestName(key, crypto::NameDomain::kRecordKey, extracts.record_key));
  facts.version = extracts.record_version;
  return facts;
}

absl::StatusOr<Rectifier::Targets> Rectifier::FindHolders(const Facts& facts, const std::string& record_type,
                                                          std::shared_ptr<const registry::Snapshot> snapshot) const {
  GrantedFields grants(plane_.store, std::move(snapshot));
  std::map<storage::PartnerId, std::string> names;
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::PartnerRow> partners, plane_.store->ListPartners());
  for (const storage::PartnerRow& partner : partners) names[partner.id] = partner.partner.name();
  // By partner and purpose; all versions have one handle.
  std::map<std::pair<storage::PartnerId, std::string>, Copy> copies;
  const auto add = [&](const storage::DisclosureRow& row) -> absl::Status {
    if (row.record_key != facts.record_key || (!row.may_be_held && !Waits(row))) return absl::OkStatus();
    POSTERN_ASSIGN_OR_RETURN(const GrantFacts* grant, grants.Of(row.grant));
    if (grant->ref.record_type != record_type) return absl::OkStatus();
    Copy& copy = copies[{row.partner, grant->ref.purpose}];
    copy.handle = row.handle;
    copy.last = std::max(copy.last, row.time);
    // One on its way is handed over again should the stream break.
    copy.waits = copy.waits || Waits(row);
    return absl::OkStatus();
  };
  POSTERN_RETURN_IF_ERROR(ForEachDisclosure(*plane_.store, {facts.order}, add));
  Targets targets;
  for (const auto& [key, copy] : copies) {
    const auto& [partner, purpose] = key;
    POSTERN_ASSIGN_OR_RETURN(const bool gone, AttestedGone(*plane_.store, partner, copy.handle, copy.last));
    if (copy.waits || !gone) targets.insert({names[partner], purpose});
  }
  return targets;
}

absl::Status Rectifier::CheckReroute(const Facts& facts) const {
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::OrderEventRow> events,
                           plane_.store->ListOrderEvents(facts.order));
  const bool shipped = std::any_of(events.begin(), events.end(), [](const storage::OrderEventRow& event) {
    return event.event >= v1::ORDER_EVENT_SHIPPED;
  });
  return shipped && !base::FailpointSkips("shipped.skip") ? errors::OrderShipped() : absl::OkStatus();
}

absl::Status Rectifier::Disclose(const identity::Principal& caller, const v1::RectifyRecordRequest& request,
                                 const Targets& targets, v1::RectifyRecordResponse* response) {
  v1::CreateDisclosureRequest create;
  *create.mutable_record() = request.record();
  create.set_request_id(request.request_id());
  for (auto target = targets.begin(); target != targets.end();) {
    create.clear_targets();
    for (size_t i = 0; i < kTargetsOfOneCall && target != targets.end(); ++i, ++target) {
      v1::DisclosureTarget& one = *create.add_targets();
      one.set_partner(target->first);
      one.set_purpose(target->second);
    }
    // A request id counts once for each target, so that the calls may share it.
    POSTERN_ASSIGN_OR_RETURN(v1::CreateDisclosureResponse answer, Create(discloser_, caller, create));
    for (v1::TargetResult& result : *answer.mutable_results()) *response->add_results() = std::move(result);
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::RectifyRecordResponse> Rectifier::Rectify(const identity::Principal& caller,
                                                             const v1::RectifyRecordRequest& request) {
  const std::shared_ptr<const registry::Snapshot> snapshot = plane_.snapshots->Get();
  POSTERN_ASSIGN_OR_RETURN(const Facts facts, ReadFacts(request.record(), *snapshot));
  if (request.reroute()) POSTERN_RETURN_IF_ERROR(CheckReroute(facts));
  absl::MutexLock lock(&plane_.mutex);
  POSTERN_ASSIGN_OR_RETURN(const Targets targets, FindHolders(facts, request.record().type(), snapshot));
  if (targets.empty()) return registry::errors::NotFound("record");
  v1::RectifyRecordResponse response;
  POSTERN_RETURN_IF_ERROR(Disclose(caller, request, targets, &response));
  POSTERN_FAILPOINT("rights.rectified");
  // Where the new one was refused the old one stays: a partner is not left without either.
  absl::flat_hash_set<storage::PartnerId> corrected;
  for (const v1::TargetResult& result : response.results()) {
    const registry::PartnerView* partner = snapshot->FindPartner(result.target().partner());
    if (result.has_disclosure() && partner != nullptr) corrected.insert(partner->id);
  }
  POSTERN_ASSIGN_OR_RETURN(const Recalled recalled,
                           RecallReleases(plane_, {facts.order}, v1::ERROR_REASON_RECORD_VERSION_STALE,
                                          [&](const storage::DisclosureRow& row) -> absl::StatusOr<bool> {
                                            return corrected.contains(row.partner) &&
                                                   row.record_key == facts.record_key &&
                                                   row.record_version < facts.version;
                                          }));
  response.set_withdrawn_count(recalled.effect.withdrawn_count());
  std::vector<std::string> leaves;
  POSTERN_RETURN_IF_ERROR(registry::AppendLeaf(
      &leaves, v1::AuditEntry::KIND_STATE_CHANGE, {plane_.clock(), caller.name, ""}, "record.rectified",
      {{"targets", absl::StrCat(targets.size())}, {"withdrawn", absl::StrCat(response.withdrawn_count())}}));
  POSTERN_RETURN_IF_ERROR(plane_.store->AppendAudit(leaves).status());
  return response;
}

}  // namespace postern::rights
