#include "client/ctl/partner_change.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "client/transport/status.h"
#include "proto/errors/error.h"

namespace postern::client::ctl {
namespace {

std::string SanOf(const v1::PartnerIdentity& identity) {
  return identity.has_dns_san() ? identity.dns_san() : identity.spiffe_id();
}

// Items by the name that a person knows them by, against what they hold.
using Items = std::map<std::string, std::string>;

Items IdentitiesOf(const v1::Partner& partner) {
  Items items;
  for (const auto& identity : partner.identities()) {
    // Its other half, the enrolled key, is the gateway's to say.
    items[SanOf(identity)] = identity.trust_bundle_pem();
  }
  return items;
}

Items EndpointsOf(const v1::Partner& partner) {
  Items items;
  for (const auto& endpoint : partner.endpoints()) {
    items[absl::StrCat(endpoint.id(), " at ", endpoint.address())] = endpoint.SerializeAsString();
  }
  return items;
}

Items KeysOf(const v1::Partner& partner) {
  Items items;
  for (const auto& key : partner.attestation_keys()) items[key.key_id()] = key.public_key_pem();
  return items;
}

Items EncryptionKeysOf(const v1::Partner& partner) {
  Items items;
  for (const auto& key : partner.encryption_keys()) items[key.key_id()] = key.public_key_pem();
  return items;
}

void AddLines(const std::string& field, const Items& current, const Items& wanted, std::vector<std::string>* lines) {
  for (const auto& [name, content] : current) {
    const auto found = wanted.find(name);
    if (found == wanted.end()) {
      lines->push_back(absl::StrCat(field, ": - ", name));
    } else if (found->second != content) {
      lines->push_back(absl::StrCat(field, ": ~ ", name));
    }
  }
  for (const auto& [name, content] : wanted) {
    if (!current.contains(name)) lines->push_back(absl::StrCat(field, ": + ", name));
  }
}

}  // namespace

void ComparePartner(const v1::Partner& current, PartnerChange* change) {
  const v1::Partner& wanted = change->wanted;
  if (current.legal_entity() != wanted.legal_entity()) {
    change->lines.push_back(absl::StrCat("legal_entity: ", current.legal_entity(), " -> ", wanted.legal_entity()));
  }
  if (current.kind() != wanted.kind()) {
    change->lines.push_back(absl::StrCat("kind: ", current.kind(), " -> ", wanted.kind()));
  }
  const Items before = IdentitiesOf(current);
  const Items after = IdentitiesOf(wanted);
  AddLines("identities", before, after, &change->lines);
  AddLines("endpoints", EndpointsOf(current), EndpointsOf(wanted), &change->lines);
  AddLines("attestation_keys", KeysOf(current), KeysOf(wanted), &change->lines);
  AddLines("encryption_keys", EncryptionKeysOf(current), EncryptionKeysOf(wanted), &change->lines);
  for (const auto& [san, content] : before) {
    if (!after.contains(san)) change->removed_identities.push_back(san);
  }
}

namespace {

grpc::Status Update(Session& session, v1::OperatorService::StubInterface& gateway, const v1::Partner& wanted,
                    bool validate_only, v1::Partner* answer, bool* waits) {
  v1::UpdatePartnerRequest update;
  *update.mutable_partner() = wanted;
  update.set_validate_only(validate_only);
  const grpc::Status updated = gateway.UpdatePartner(session.Call().get(), update, answer);
  *waits = ReasonOf(FromGrpc(updated)) == v1::ERROR_REASON_SECOND_PERSON_REQUIRED;
  return *waits ? grpc::Status::OK : updated;
}

}  // namespace

grpc::Status PlanPartner(Session& session, v1::OperatorService::StubInterface& gateway, const v1::Partner& wanted,
                         PartnerChange* change) {
  change->wanted = wanted;
  v1::GetPartnerRequest get;
  get.set_name(wanted.name());
  v1::Partner current;
  const grpc::Status found = gateway.GetPartner(session.Call().get(), get, &current);
  if (!found.ok()) {
    if (FromGrpc(found).code() != absl::StatusCode::kNotFound) return found;
    change->kind = PartnerChange::Kind::kCreate;
    return grpc::Status::OK;
  }
  ComparePartner(current, change);
  if (change->lines.empty()) return grpc::Status::OK;
  change->kind = PartnerChange::Kind::kUpdate;
  change->reduced = current;
  change->reduced.clear_identities();
  const std::vector<std::string>& removed = change->removed_identities;
  for (const auto& identity : current.identities()) {
    if (std::find(removed.begin(), removed.end(), SanOf(identity)) == removed.end()) {
      *change->reduced.add_identities() = identity;
    }
  }
  change->wanted.set_etag(current.etag());
  return grpc::Status::OK;
}

grpc::Status PutPartner(Session& session, v1::OperatorService::StubInterface& gateway, bool validate_only,
                        PartnerChange* change) {
  v1::Partner answer;
  if (change->kind == PartnerChange::Kind::kCreate) {
    v1::CreatePartnerRequest create;
    *create.mutable_partner() = change->wanted;
    create.set_validate_only(validate_only);
    return gateway.CreatePartner(session.Call().get(), create, &answer);
  }
  if (change->kind == PartnerChange::Kind::kUpdate) {
    if (!validate_only && !change->removed_identities.empty()) {
      const grpc::Status removed = Update(session, gateway, change->reduced, false, &answer, &change->waits);
      if (!removed.ok() || change->waits) return removed;
      change->wanted.set_etag(answer.etag());
    }
    return Update(session, gateway, change->wanted, validate_only, &answer, &change->waits);
  }
  return grpc::Status::OK;
}

std::string Describe(const PartnerChange& change, bool validate_only) {
  const char* verb = change.kind == PartnerChange::Kind::kCreate ? "created" : "updated";
  if (change.kind == PartnerChange::Kind::kNone) return absl::StrCat(change.wanted.name(), " unchanged\n");
  std::string text = absl::StrCat(change.wanted.name(), validate_only ? " would be " : " ", verb,
                                  change.waits ? " once a second person applies the same" : "", "\n");
  for (const std::string& line : change.lines) absl::StrAppend(&text, "  ", line, "\n");
  return text;
}

}  // namespace postern::client::ctl
