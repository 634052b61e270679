#include "server/registry/partner_registry.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "proto/errors/error.h"
#include "server/registry/errors.h"
#include "server/registry/lifecycle.h"
#include "server/registry/page.h"
#include "server/registry/partner_keys.h"
#include "server/registry/partner_rows.h"
#include "server/registry/partner_validation.h"
#include "server/registry/times.h"

namespace postern::registry {
namespace {

// Copies the masked fields; an empty mask names all that can change.
absl::Status CopyMasked(const google::protobuf::FieldMask& mask, const v1::Partner& from, v1::Partner* to) {
  std::vector<std::string> paths(mask.paths().begin(), mask.paths().end());
  if (paths.empty()) paths = {"legal_entity", "identities", "endpoints", "attestation_keys", "encryption_keys"};
  for (const std::string& path : paths) {
    if (path == "legal_entity") {
      to->set_legal_entity(from.legal_entity());
    } else if (path == "identities") {
      *to->mutable_identities() = from.identities();
    } else if (path == "endpoints") {
      *to->mutable_endpoints() = from.endpoints();
    } else if (path == "attestation_keys") {
      *to->mutable_attestation_keys() = from.attestation_keys();
    } else if (path == "encryption_keys") {
      *to->mutable_encryption_keys() = from.encryption_keys();
    } else {
      return errors::InvalidField("update_mask", "names a field that cannot be changed");
    }
  }
  return absl::OkStatus();
}

// True if `before` has an identity, certificates included, that `after` has not.
bool LostIdentity(const v1::Partner& before, const v1::Partner& after) {
  return std::any_of(before.identities().begin(), before.identities().end(), [&](const v1::PartnerIdentity& old) {
    return std::none_of(after.identities().begin(), after.identities().end(), [&](const v1::PartnerIdentity& now) {
      return SanOf(now) == SanOf(old) && now.trust_bundle_pem() == old.trust_bundle_pem();
    });
  });
}

v1::PartnerIdentity* FindIdentity(v1::Partner* partner, const v1::PartnerIdentity& wanted) {
  for (v1::PartnerIdentity& identity : *partner->mutable_identities()) {
    if (SanOf(identity) == SanOf(wanted) && identity.trust_bundle_pem() == wanted.trust_bundle_pem()) return &identity;
  }
  return nullptr;
}

// Which keys are certified is what enrolment says, not what a caller writes.
void KeepEnrolledKeys(v1::Partner before, v1::Partner* after) {
  for (v1::PartnerIdentity& identity : *after->mutable_identities()) {
    identity.clear_enrolled_key_sha256();
    const v1::PartnerIdentity* known = FindIdentity(&before, identity);
    if (known != nullptr) identity.set_enrolled_key_sha256(known->enrolled_key_sha256());
  }
}

template <class Message>
bool Same(const google::protobuf::RepeatedPtrField<Message>& a, const google::protobuf::RepeatedPtrField<Message>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Message& left, const Message& right) {
    return left.SerializeAsString() == right.SerializeAsString();
  });
}

// Fields that differ, as the update mask names them.
std::vector<absl::string_view> ChangedFields(const v1::Partner& before, const v1::Partner& after) {
  std::vector<absl::string_view> changed;
  if (before.legal_entity() != after.legal_entity()) changed.push_back("legal_entity");
  if (!Same(before.identities(), after.identities())) changed.push_back("identities");
  if (!Same(before.endpoints(), after.endpoints())) changed.push_back("endpoints");
  if (!Same(before.attestation_keys(), after.attestation_keys())) changed.push_back("attestation_keys");
  if (!Same(before.encryption_keys(), after.encryption_keys())) changed.push_back("encryption_keys");
  return changed;
}

// True if `after` has an element that `before` has not.
template <class Message>
bool Adds(const google::protobuf::RepeatedPtrField<Message>& before,
          const google::protobuf::RepeatedPtrField<Message>& after) {
  return std::any_of(after.begin(), after.end(), [&before](const Message& now) {
    return std::none_of(before.begin(), before.end(),
                        [&now](const Message& old) { return old.SerializeAsString() == now.SerializeAsString(); });
  });
}

// Whoever may add an identity, an endpoint or a key redirects the partner's data or answers in its place. In DRAFT
// there is nothing yet: the contract that will open it takes a second person itself. Who speaks and signs for a revoked
// partner decides whether its deletions are believed, so there even a removal counts.
bool NeedsSecondPerson(const v1::Partner& before, const v1::Partner& after) {
  if (before.state() == v1::PARTNER_STATE_DRAFT) return false;
  if (Adds(before.identities(), after.identities()) || Adds(before.endpoints(), after.endpoints()) ||
      Adds(before.attestation_keys(), after.attestation_keys()) ||
      Adds(before.encryption_keys(), after.encryption_keys())) {
    return true;
  }
  return Revoked(before.state()) &&
         (!Same(before.identities(), after.identities()) || !Same(before.attestation_keys(), after.attestation_keys()));
}

// A key that a contract in force encrypts to stays until another contract is.
absl::Status CheckKeysInUse(const Snapshot& snapshot, const v1::Partner& wanted) {
  const PartnerView* view = snapshot.FindPartner(wanted.name());
  if (view == nullptr) return absl::OkStatus();
  for (const auto& contract : view->contracts) {
    if (HasEncryptionKey(wanted, contract->terms.delivery().webhook().encryption_key())) continue;
    return errors::InvalidField("partner.encryption_keys",
                                absl::StrCat("lacks the key that ", contract->name, " encrypts to"));
  }
  return absl::OkStatus();
}

v1::PendingPartnerUpdate PendingOf(const v1::Partner& wanted, const Act& act) {
  v1::PendingPartnerUpdate pending;
  pending.set_requested_by(std::string(act.principal));
  SetTime(act.time, pending.mutable_request_time());
  pending.set_legal_entity(wanted.legal_entity());
  *pending.mutable_identities() = wanted.identities();
  *pending.mutable_endpoints() = wanted.endpoints();
  *pending.mutable_attestation_keys() = wanted.attestation_keys();
  *pending.mutable_encryption_keys() = wanted.encryption_keys();
  return pending;
}

bool IsPending(const v1::Partner& partner, const v1::Partner& wanted) {
  const v1::PendingPartnerUpdate& pending = partner.pending_update();
  return partner.has_pending_update() && pending.legal_entity() == wanted.legal_entity() &&
         Same(pending.identities(), wanted.identities()) && Same(pending.endpoints(), wanted.endpoints()) &&
         Same(pending.attestation_keys(), wanted.attestation_keys()) &&
         Same(pending.encryption_keys(), wanted.encryption_keys());
}

std::string KeyIdsOf(const v1::Partner& partner) {
  return absl::StrJoin(partner.attestation_keys(), ",",
                       [](std::string* out, const v1::AttestationKey& key) { out->append(key.key_id()); });
}

}  // namespace

absl::StatusOr<v1::Partner> PartnerRegistry::CreatePartner(absl::string_view principal,
                                                           const v1::CreatePartnerRequest& request) {
  POSTERN_RETURN_IF_ERROR(ValidatePartner(request.partner()));
  absl::MutexLock lock(&control_.mutex);
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::PartnerRow> rows, control_.store->ListPartners());
  for (const storage::PartnerRow& row : rows) {
    if (row.partner.name() == request.partner().name()) return errors::PartnerExists(row.partner.name());
  }
  POSTERN_RETURN_IF_ERROR(CheckIdentitiesFree(request.partner(), rows));

  const absl::Time now = control_.clock();
  storage::PartnerRow row;
  POSTERN_RETURN_IF_ERROR(CopyMasked({}, request.partner(), &row.partner));
  KeepEnrolledKeys(v1::Partner(), &row.partner);
  row.partner.set_name(request.partner().name());
  row.partner.set_kind(request.partner().kind());
  row.partner.set_state(v1::PARTNER_STATE_DRAFT);
  row.partner.set_epoch(1);
  SetTime(now, row.partner.mutable_create_time());
  SetTime(now, row.partner.mutable_update_time());
  if (request.validate_only()) return row.partner;

  // Keys first: a crash between the two leaves keys that the next attempt finds and uses.
  POSTERN_RETURN_IF_ERROR(EnsurePartnerKeys(*control_.keys, &row));
  storage::ChangeSet change;
  POSTERN_RETURN_IF_ERROR(AppendLeaf(&change.audit_leaves, v1::AuditEntry::KIND_OPERATOR_ACTION,
                                     {now, principal, row.partner.name()}, "partner.created",
                                     {{"kind", row.partner.kind()}, {"to", StateName(row.partner.state())}}));
  change.partners.push_back({row, ""});
  POSTERN_ASSIGN_OR_RETURN(const storage::AppliedChange applied, control_.store->Apply(change));
  row.partner.set_etag(applied.partner_etags.at(0));
  POSTERN_RETURN_IF_ERROR(control_.snapshots->Rebuild());
  control_.events->Publish(now, "partner.created", row.partner.name(), principal);
  return row.partner;
}

absl::StatusOr<v1::Partner> PartnerRegistry::UpdatePartner(absl::string_view principal,
                                                           const v1::UpdatePartnerRequest& request) {
  absl::MutexLock lock(&control_.mutex);
  POSTERN_ASSIGN_OR_RETURN(const storage::PartnerRow stored, ReadPartner(*control_.store, request.partner().name()));
  const v1::Partner& before = stored.partner;
  if (request.partner().etag() != before.etag()) return errors::EtagMismatch(before.name());
  if (!request.partner().kind().empty() && request.partner().kind() != before.kind()) {
    return errors::InvalidField("partner.kind", "cannot be changed");
  }
  v1::Partner wanted = before;
  POSTERN_RETURN_IF_ERROR(CopyMasked(request.update_mask(), request.partner(), &wanted));
  KeepEnrolledKeys(before, &wanted);
  return Change(principal, stored, std::move(wanted), request.validate_only());
}

absl::StatusOr<v1::Partner> PartnerRegistry::EnrolIdentity(absl::string_view principal, const std::string& partner,
                                                           const v1::PartnerIdentity& identity) {
  absl::MutexLock lock(&control_.mutex);
  POSTERN_ASSIGN_OR_RETURN(const storage::PartnerRow stored, ReadPartner(*control_.store, partner));
  v1::Partner wanted = stored.partner;
  v1::PartnerIdentity* known = FindIdentity(&wanted, identity);
  if (known != nullptr && known->enrolled_key_sha256() == identity.enrolled_key_sha256()) return wanted;
  if (known == nullptr) known = wanted.add_identities();
  *known = identity;
  return Change(principal, stored, std::move(wanted), /*validate_only=*/false);
}

absl::StatusOr<v1::Partner> PartnerRegistry::Change(absl::string_view principal, const storage::PartnerRow& stored,
                                                    v1::Partner wanted, bool validate_only) {
  const v1::Partner& before = stored.partner;
  POSTERN_RETURN_IF_ERROR(ValidatePartner(wanted));
  POSTERN_ASSIGN_OR_RETURN(const std::vector<storage::PartnerRow> rows, control_.store->ListPartners());
  POSTERN_RETURN_IF_ERROR(CheckIdentitiesFree(wanted, rows));
  POSTERN_RETURN_IF_ERROR(CheckKeysInUse(*control_.snapshots->Get(), wanted));
  const absl::Time now = control_.clock();
  const std::string fields = absl::StrJoin(ChangedFields(before, wanted), ",");
  const std::string key_ids = KeyIdsOf(wanted);
  const Act act{now, principal, before.name()};
  const bool agreed = IsPending(before, wanted) && before.pending_update().requested_by() != principal;
  if (NeedsSecondPerson(before, wanted) && !agreed) {
    if (!validate_only) {
      POSTERN_RETURN_IF_ERROR(
          AwaitSecondPerson(act, stored, wanted, {{"fields", fields}, {"attestation_keys", key_ids}}));
    }
    return errors::SecondPersonRequired(before.name());
  }
  const std::string requested_by = agreed ? before.pending_update().requested_by() : std::string(principal);
  wanted.clear_pending_update();
  SetTime(now, wanted.mutable_update_time());
  if (validate_only) return wanted;

  storage::ChangeSet change;
  POSTERN_RETURN_IF_ERROR(
      AppendLeaf(&change.audit_leaves, v1::AuditEntry::KIND_OPERATOR_ACTION, act, "partner.updated",
                 {{"fields", fields}, {"attestation_keys", key_ids}, {"requested_by", requested_by}}));
  storage::PartnerRow row = stored;
  row.partner = std::move(wanted);
  change.partners.push_back({row, before.etag()});
  const absl::StatusOr<storage::AppliedChange> applied = control_.store->Apply(change);
  // The partner's connections go, and those that may come back are made again. Also where the store does not say
  // whether it has the change: a removed identity must not stay because nobody knows.
  const bool lost = LostIdentity(before, row.partner);
  if (!applied.ok()) {
    if (lost) control_.connections->AbortPartner(row.partner.name());
    return applied.status();
  }
  row.partner.set_etag(applied->partner_etags.at(0));
  const absl::Status rebuilt = control_.snapshots->Rebuild();
  // With the new snapshot in place the removed identity cannot come back, so what it has open can go.
  if (lost) control_.connections->AbortPartner(row.partner.name());
  POSTERN_RETURN_IF_ERROR(rebuilt);
  control_.events->Publish(now, "partner.updated", row.partner.name(), principal);
  return row.partner;
}

absl::Status PartnerRegistry::AwaitSecondPerson(const Act& act, storage::PartnerRow row, const v1::Partner& wanted,
                                                Details details) {
  if (IsPending(row.partner, wanted)) return absl::OkStatus();
  const std::string etag = row.partner.etag();
  *row.partner.mutable_pending_update() = PendingOf(wanted, act);
  storage::ChangeSet change;
  POSTERN_RETURN_IF_ERROR(
      AppendLeaf(&change.audit_leaves, v1::AuditEntry::KIND_OPERATOR_ACTION, act, "partner.update_pending", details));
  const std::string name = row.partner.name();
  change.partners.push_back({std::move(row), etag});
  POSTERN_RETURN_IF_ERROR(control_.store->Apply(change).status());
  POSTERN_RETURN_IF_ERROR(control_.snapshots->Rebuild());
  control_.events->Publish(act.time, "partner.update_pending", name, act.principal);
  return absl::OkStatus();
}

absl::Status PartnerRegistry::RecordCertificate(absl::string_view principal, absl::string_view partner,
                                                const IssuedCertificate& certificate) {
  const std::string not_after = absl::FormatTime(absl::RFC3339_sec, certificate.not_after, absl::UTCTimeZone());
  std::vector<std::string> leaves;
  POSTERN_RETURN_IF_ERROR(AppendLeaf(&leaves, v1::AuditEntry::KIND_OPERATOR_ACTION,
                                     {control_.clock(), principal, partner}, "certificate.issued",
                                     {{"name", certificate.name},
                                      {"serial", certificate.serial},
                                      {"not_after", not_after},
                                      {"sha256", certificate.digest}}));
  return control_.store->AppendAudit(leaves).status();
}

absl::StatusOr<v1::Partner> PartnerRegistry::GetPartner(const v1::GetPartnerRequest& request) {
  POSTERN_ASSIGN_OR_RETURN(const storage::PartnerRow row, ReadPartner(*control_.store, request.name()));
  return row.partner;
}

absl::StatusOr<v1::ListPartnersResponse> PartnerRegistry::ListPartners(const v1::ListPartnersRequest& request) {
  POSTERN_ASSIGN_OR_RETURN(const int size, PageSize(request.page_size(), 100, 1000));
  POSTERN_ASSIGN_OR_RETURN(std::vector<storage::PartnerRow> rows, control_.store->ListPartners());
  std::sort(rows.begin(), rows.end(), [](const storage::PartnerRow& a, const storage::PartnerRow& b) {
    return a.partner.name() < b.partner.name();
  });
  v1::ListPartnersResponse response;
  for (storage::PartnerRow& row : rows) {
    // The token is the last name given: stable while partners come.
    if (row.partner.name() <= request.page_token()) continue;
    if (response.partners_size() == size) {
      response.set_next_page_token(response.partners(size - 1).name());
      break;
    }
    *response.add_partners() = std::move(row.partner);
  }
  return response;
}

}  // namespace postern::registry
