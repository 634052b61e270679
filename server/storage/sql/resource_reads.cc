#include <utility>

#include "absl/container/flat_hash_map.h"
#include "proto/errors/error.h"
#include "server/storage/errors.h"
#include "server/storage/sql/packing.h"
#include "server/storage/sql/read_rows.h"
#include "server/storage/sql/resources.h"

namespace postern::storage {
namespace {

absl::StatusOr<PartnerRow> ReadPartnerRow(const Query& query) {
  PartnerRow row;
  row.id = query.Int(0);
  POSTERN_RETURN_IF_ERROR(Parse(query.Bytes(1), &row.partner));
  POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(2), &row.epoch_key));
  POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(3), &row.pseudonym_key));
  POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(4), &row.handle_key));
  return row;
}

absl::StatusOr<BundleRow> ReadBundleRow(const Query& query) {
  BundleRow row;
  row.digest = query.String(0);
  POSTERN_RETURN_IF_ERROR(Parse(query.Bytes(1), &row.bundle));
  row.in_force = query.Int(2) != 0;
  row.applied_by = query.String(3);
  return row;
}

absl::StatusOr<RevisionRow> ReadRevisionRow(const Query& query) {
  RevisionRow row;
  POSTERN_RETURN_IF_ERROR(Parse(query.Bytes(0), &row.revision));
  row.partner = query.Int(1);
  return row;
}

absl::StatusOr<CampaignRow> ReadCampaignRow(const Query& query) {
  CampaignRow row;
  POSTERN_RETURN_IF_ERROR(Parse(query.Bytes(0), &row.campaign));
  row.partner = query.Int(1);
  row.enumerate_to = query.Int(2);
  row.enumerated = query.Int(3);
  return row;
}

absl::StatusOr<NoticeRow> ReadNoticeRow(const Query& query) {
  NoticeRow row;
  row.row = query.Int(0);
  POSTERN_RETURN_IF_ERROR(Parse(query.Bytes(1), &row.notice));
  row.campaign = query.String(2);
  row.partner = query.Int(3);
  row.number = static_cast<int>(query.Int(4));
  return row;
}

absl::StatusOr<HandleOutcomeRow> ReadHandleOutcomeRow(const Query& query) {
  HandleOutcomeRow row;
  row.notice = query.String(0);
  POSTERN_RETURN_IF_ERROR(Unpack(query.Bytes(1), &row.handle));
  row.result = static_cast<v1::DeletionAttestationStatement::Result>(query.Int(2));
  row.ground = query.String(3);
  if (!query.IsNull(4)) row.until = UnpackTime(query.Int(4));
  return row;
}

}  // namespace

absl::StatusOr<GrantRef> ReadGrantFrom(Connection& db, GrantId id) {
  Query query(db,
              "SELECT partner, purpose, record_type, contract_revision, policy_version, locator_path, "
              "bundle_digest FROM grant_ref WHERE id = ?");
  query.Bind(id);
  if (!query.Next()) return query.status().ok() ? errors::NotFound("grant") : query.status();
  return GrantRef{query.Int(0),    query.String(1), query.String(2), query.String(3),
                  query.String(4), query.String(5), query.String(6)};
}

absl::StatusOr<std::vector<PartnerRow>> ListPartnersFrom(Connection& db) {
  absl::flat_hash_map<std::string, uint64_t> fences;
  {
    Query query(db, "SELECT id, version FROM fence WHERE kind = ?");
    query.Bind(static_cast<int64_t>(FenceScope::Kind::kPartner));
    while (query.Next()) fences[query.String(0)] = static_cast<uint64_t>(query.Int(1));
    POSTERN_RETURN_IF_ERROR(query.status());
  }
  Query query(db, "SELECT id, resource, epoch_key, pseudonym_key, handle_key FROM partner ORDER BY id");
  POSTERN_ASSIGN_OR_RETURN(std::vector<PartnerRow> partners, ReadAll(query, ReadPartnerRow));
  for (PartnerRow& row : partners) {
    const auto fence = fences.find(row.partner.name());
    if (fence != fences.end()) row.fence_version = fence->second;
  }
  return partners;
}

absl::StatusOr<std::optional<BundleRow>> ReadBundleFrom(Connection& db, absl::string_view digest) {
  if (digest.empty()) {
    Query query(db, "SELECT digest, resource, in_force, applied_by FROM bundle WHERE in_force = 1");
    return ReadOne(query, ReadBundleRow);
  }
  Query query(db, "SELECT digest, resource, in_force, applied_by FROM bundle WHERE digest = ?");
  query.BindText(digest);
  return ReadOne(query, ReadBundleRow);
}

absl::StatusOr<std::vector<RevisionRow>> ListRevisionsFrom(Connection& db, PartnerId partner) {
  Query query(db, "SELECT resource, partner FROM revision WHERE partner = ? ORDER BY row");
  query.Bind(partner);
  return ReadAll(query, ReadRevisionRow);
}

absl::StatusOr<std::vector<CampaignRow>> ListCampaignsFrom(Connection& db, std::optional<PartnerId> partner) {
  if (!partner) {
    Query query(db, "SELECT resource, partner, enumerate_to, enumerated FROM campaign ORDER BY row");
    return ReadAll(query, ReadCampaignRow);
  }
  Query query(db, "SELECT resource, partner, enumerate_to, enumerated FROM campaign WHERE partner = ? ORDER BY row");
  query.Bind(*partner);
  return ReadAll(query, ReadCampaignRow);
}

absl::StatusOr<std::optional<CampaignRow>> ReadCampaignFrom(Connection& db, absl::string_view name) {
  Query query(db, "SELECT resource, partner, enumerate_to, enumerated FROM campaign WHERE name = ?");
  query.BindText(name);
  return ReadOne(query, ReadCampaignRow);
}

absl::StatusOr<std::vector<NoticeRow>> ListNoticesFrom(Connection& db, PartnerId partner, absl::string_view campaign,
                                                       int64_t after_row, int limit, bool open_only) {
  Query query(db,
              "SELECT row, resource, campaign, partner, number FROM notice WHERE partner = ?1 AND row > ?2 AND (?3 = "
              "'' OR campaign = ?3) "
              "AND (?4 = 0 OR open = 1) ORDER BY row LIMIT ?5");
  query.Bind(partner).Bind(after_row).BindText(campaign).Bind(open_only ? 1 : 0).Bind(limit);
  return ReadAll(query, ReadNoticeRow);
}

absl::StatusOr<std::optional<NoticeRow>> ReadNoticeFrom(Connection& db, absl::string_view name) {
  Query query(db, "SELECT row, resource, campaign, partner, number FROM notice WHERE name = ?");
  query.BindText(name);
  return ReadOne(query, ReadNoticeRow);
}

absl::StatusOr<std::vector<HandleOutcomeRow>> ListHandleOutcomesFrom(Connection& db, absl::string_view notice) {
  Query query(db, "SELECT notice, handle, result, ground, until FROM handle_outcome WHERE notice = ? ORDER BY handle");
  query.BindText(notice);
  return ReadAll(query, ReadHandleOutcomeRow);
}

absl::StatusOr<std::vector<OrderEventRow>> ListOrderEventsFrom(Connection& db, const Mac16& order) {
  std::vector<OrderEventRow> rows;
  Query query(db, "SELECT event, time FROM order_event WHERE order_mac = ? ORDER BY event");
  query.Bind(View(order));
  while (query.Next()) rows.push_back({order, static_cast<int>(query.Int(0)), UnpackTime(query.Int(1))});
  POSTERN_RETURN_IF_ERROR(query.status());
  return rows;
}

}  // namespace postern::storage
