#include <array>

#include "absl/strings/escaping.h"
#include "proto/errors/error.h"
#include "server/crypto/random.h"
#include "server/storage/errors.h"
#include "server/storage/sql/packing.h"
#include "server/storage/sql/resources.h"

namespace postern::storage {
namespace {

absl::StatusOr<std::string> NewEtag() {
  std::array<uint8_t, 12> bytes{};
  POSTERN_RETURN_IF_ERROR(crypto::FillRandom(bytes.data(), bytes.size()));
  return absl::BytesToHexString(View(bytes));
}

absl::StatusOr<PartnerId> InsertPartner(Connection& db, const v1::Partner& partner, const PartnerRow& row) {
  Query query(
      db,
      "INSERT INTO partner(name, etag, resource, epoch_key, pseudonym_key, handle_key) VALUES(?, ?, ?, ?, ?, ?) "
      "ON CONFLICT(name) DO NOTHING RETURNING id");
  const std::string resource = partner.SerializeAsString();
  query.BindText(partner.name())
      .BindText(partner.etag())
      .Bind(resource)
      .Bind(View(row.epoch_key))
      .Bind(View(row.pseudonym_key))
      .Bind(View(row.handle_key));
  if (!query.Next()) return query.status().ok() ? errors::PartnerExists(partner.name()) : query.status();
  const PartnerId id = query.Int(0);
  if (id > kMaxPartner) return errors::LedgerUnavailable("create a partner", "partner_ids_exhausted");
  return id;
}

absl::Status UpdatePartner(Connection& db, const v1::Partner& partner, const ChangeSet::PartnerWrite& write) {
  const PartnerRow& row = write.row;
  POSTERN_RETURN_IF_ERROR(Query(db,
                                "UPDATE partner SET name = ?, etag = ?, resource = ?, epoch_key = ?, pseudonym_key = "
                                "?, handle_key = ? WHERE id = ? AND etag = ?")
                              .BindText(partner.name())
                              .BindText(partner.etag())
                              .Bind(partner.SerializeAsString())
                              .Bind(View(row.epoch_key))
                              .Bind(View(row.pseudonym_key))
                              .Bind(View(row.handle_key))
                              .Bind(row.id)
                              .BindText(write.expected_etag)
                              .Run());
  if (db.changes() == 1) return absl::OkStatus();
  Query query(db, "SELECT 1 FROM partner WHERE id = ?");
  query.Bind(row.id);
  const bool exists = query.Next();
  POSTERN_RETURN_IF_ERROR(query.status());
  return exists ? errors::EtagMismatch(partner.name()) : errors::PartnerUnknown(partner.name());
}

bool IsOpen(const v1::DeletionNotice& notice) {
  return notice.state() == v1::DeletionNotice::STATE_ISSUED || notice.state() == v1::DeletionNotice::STATE_ACKNOWLEDGED;
}

}  // namespace

absl::StatusOr<WrittenPartner> WritePartner(WriteScope& scope, const ChangeSet::PartnerWrite& write) {
  v1::Partner partner = write.row.partner;
  POSTERN_ASSIGN_OR_RETURN(*partner.mutable_etag(), NewEtag());
  WrittenPartner written{write.row.id, partner.etag()};
  if (write.row.id == 0) {
    POSTERN_ASSIGN_OR_RETURN(written.id, InsertPartner(scope.db(), partner, write.row));
  } else {
    POSTERN_RETURN_IF_ERROR(UpdatePartner(scope.db(), partner, write));
  }
  return written;
}

absl::Status CheckBundleEtag(Connection& db, absl::string_view expected) {
  Query query(db, "SELECT etag FROM bundle WHERE in_force = 1");
  const absl::string_view etag = query.Next() ? query.Bytes(0) : absl::string_view();
  POSTERN_RETURN_IF_ERROR(query.status());
  return etag == expected ? absl::OkStatus() : errors::EtagMismatch("the policy bundle in force");
}

absl::StatusOr<std::string> WriteBundle(WriteScope& scope, const BundleRow& row) {
  v1::PolicyBundle bundle = row.bundle;
  POSTERN_ASSIGN_OR_RETURN(*bundle.mutable_etag(), NewEtag());
  if (row.in_force)
    POSTERN_RETURN_IF_ERROR(Query(scope.db(), "UPDATE bundle SET in_force = 0 WHERE in_force = 1").Run());
  POSTERN_RETURN_IF_ERROR(
      Query(
          scope.db(),
          "INSERT INTO bundle(digest, resource, etag, in_force, applied_by) VALUES(?, ?, ?, ?, ?) ON CONFLICT(digest) "
          "DO UPDATE SET resource = excluded.resource, etag = excluded.etag, in_force = excluded.in_force, "
          "applied_by = excluded.applied_by")
          .BindText(row.digest)
          .Bind(bundle.SerializeAsString())
          .BindText(bundle.etag())
          .Bind(row.in_force ? 1 : 0)
          .BindText(row.applied_by)
          .Run());
  return bundle.etag();
}

absl::Status WriteRevision(WriteScope& scope, const RevisionRow& row) {
  return Query(scope.db(),
               "INSERT INTO revision(name, partner, resource) VALUES(?, ?, ?) ON CONFLICT(name) "
               "DO UPDATE SET partner = excluded.partner, resource = excluded.resource")
      .BindText(row.revision.name())
      .Bind(row.partner)
      .Bind(row.revision.SerializeAsString())
      .Run();
}

absl::Status WriteCampaign(WriteScope& scope, const CampaignRow& row) {
  return Query(scope.db(),
               "INSERT INTO campaign(name, partner, resource, enumerate_to, enumerated) VALUES(?, ?, ?, ?, ?) ON "
               "CONFLICT(name) "
               "DO UPDATE SET partner = excluded.partner, resource = excluded.resource, enumerate_to = "
               "excluded.enumerate_to, "
               "enumerated = excluded.enumerated")
      .BindText(row.campaign.name())
      .Bind(row.partner)
      .Bind(row.campaign.SerializeAsString())
      .Bind(row.enumerate_to)
      .Bind(row.enumerated)
      .Run();
}

absl::Status WriteNotice(WriteScope& scope, const NoticeRow& row) {
  return Query(scope.db(),
               "INSERT INTO notice(name, partner, campaign, number, open, resource) VALUES(?, ?, ?, ?, ?, ?) ON "
               "CONFLICT(name) "
               "DO UPDATE SET partner = excluded.partner, campaign = excluded.campaign, number = excluded.number, open "
               "= excluded.open, "
               "resource = excluded.resource")
      .BindText(row.notice.name())
      .Bind(row.partner)
      .BindText(row.campaign)
      .Bind(row.number)
      .Bind(IsOpen(row.notice) ? 1 : 0)
      .Bind(row.notice.SerializeAsString())
      .Run();
}

absl::Status WriteHandleOutcome(WriteScope& scope, const HandleOutcomeRow& row) {
  Query query(scope.db(),
              "INSERT INTO handle_outcome(notice, handle, result, ground, until) VALUES(?, ?, ?, ?, ?) ON "
              "CONFLICT(notice, handle) "
              "DO UPDATE SET result = excluded.result, ground = excluded.ground, until = excluded.until");
  query.BindText(row.notice).Bind(View(row.handle)).Bind(row.result).BindText(row.ground);
  return (row.until ? query.Bind(PackTime(*row.until)) : query.BindNull()).Run();
}

absl::Status WriteOrderEvent(WriteScope& scope, const OrderEventRow& row) {
  return Query(scope.db(), "INSERT INTO order_event(order_mac, event, time) VALUES(?, ?, ?) ON CONFLICT DO NOTHING")
      .Bind(View(row.order))
      .Bind(row.event)
      .Bind(PackTime(row.time))
      .Run();
}

absl::StatusOr<GrantId> InternGrantIn(WriteScope& scope, const GrantRef& grant) {
  Connection& db = scope.db();
  {
    Query query(
        db,
        "SELECT id FROM grant_ref WHERE partner = ? AND purpose = ? AND record_type = ? AND contract_revision = ? "
        "AND policy_version = ? AND locator_path = ? AND bundle_digest = ?");
    query.Bind(grant.partner).BindText(grant.purpose).BindText(grant.record_type).BindText(grant.contract_revision);
    query.BindText(grant.policy_version).BindText(grant.locator_path).BindText(grant.bundle_digest);
    if (query.Next()) return query.Int(0);
    POSTERN_RETURN_IF_ERROR(query.status());
  }
  // The id that comes next, which is the scope too where there is no earlier grant to take it from.
  GrantId id = 0;
  int64_t scope_of_id = 0;
  {
    Query query(db,
                "SELECT (SELECT coalesce(max(id), 0) + 1 FROM grant_ref), "
                "(SELECT scope FROM grant_ref WHERE partner = ? AND purpose = ? AND record_type = ? LIMIT 1)");
    query.Bind(grant.partner).BindText(grant.purpose).BindText(grant.record_type);
    if (query.Next()) {
      id = query.Int(0);
      scope_of_id = query.IsNull(1) ? id : query.Int(1);
    }
    POSTERN_RETURN_IF_ERROR(query.status());
  }
  POSTERN_RETURN_IF_ERROR(
      Query(db,
            "INSERT INTO grant_ref(id, partner, purpose, record_type, contract_revision, policy_version, locator_path, "
            "bundle_digest, scope) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)")
          .Bind(id)
          .Bind(grant.partner)
          .BindText(grant.purpose)
          .BindText(grant.record_type)
          .BindText(grant.contract_revision)
          .BindText(grant.policy_version)
          .BindText(grant.locator_path)
          .BindText(grant.bundle_digest)
          .Bind(scope_of_id)
          .Run());
  return id;
}

}  // namespace postern::storage
