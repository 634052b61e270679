// Partners, bundles, revisions, campaigns and notices: rows around serialised resources.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/storage/sql/write_scope.h"
#include "server/storage/store.h"

namespace postern::storage {

struct WrittenPartner {
  PartnerId id = 0;
  std::string etag;
};
// ETAG_MISMATCH, ALREADY_EXISTS, PARTNER_UNKNOWN.
absl::StatusOr<WrittenPartner> WritePartner(WriteScope& scope, const ChangeSet::PartnerWrite& write);
// ETAG_MISMATCH unless `expected` is the etag of the bundle in force.
absl::Status CheckBundleEtag(Connection& db, absl::string_view expected);
// Returns the new etag.
absl::StatusOr<std::string> WriteBundle(WriteScope& scope, const BundleRow& row);
absl::Status WriteRevision(WriteScope& scope, const RevisionRow& row);
absl::Status WriteCampaign(WriteScope& scope, const CampaignRow& row);
absl::Status WriteNotice(WriteScope& scope, const NoticeRow& row);
absl::Status WriteHandleOutcome(WriteScope& scope, const HandleOutcomeRow& row);
absl::Status WriteOrderEvent(WriteScope& scope, const OrderEventRow& row);
absl::StatusOr<GrantId> InternGrantIn(WriteScope& scope, const GrantRef& grant);

absl::StatusOr<GrantRef> ReadGrantFrom(Connection& db, GrantId id);
absl::StatusOr<std::vector<PartnerRow>> ListPartnersFrom(Connection& db);
// Empty digest: the one in force.
absl::StatusOr<std::optional<BundleRow>> ReadBundleFrom(Connection& db, absl::string_view digest);
absl::StatusOr<std::vector<RevisionRow>> ListRevisionsFrom(Connection& db, PartnerId partner);
absl::StatusOr<std::vector<CampaignRow>> ListCampaignsFrom(Connection& db, std::optional<PartnerId> partner);
absl::StatusOr<std::optional<CampaignRow>> ReadCampaignFrom(Connection& db, absl::string_view name);
absl::StatusOr<std::vector<NoticeRow>> ListNoticesFrom(Connection& db, PartnerId partner, absl::string_view campaign,
                                                       int64_t after_row, int limit, bool open_only);
absl::StatusOr<std::optional<NoticeRow>> ReadNoticeFrom(Connection& db, absl::string_view name);
absl::StatusOr<std::vector<HandleOutcomeRow>> ListHandleOutcomesFrom(Connection& db, absl::string_view notice);
absl::StatusOr<std::vector<OrderEventRow>> ListOrderEventsFrom(Connection& db, const Mac16& order);

}  // namespace postern::storage
