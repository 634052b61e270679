#include "server/registry/endpoint_registry.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/crypto/sha256.h"
#include "server/registry/audit_entry.h"
#include "server/registry/errors.h"
#include "server/registry/lifecycle.h"
#include "server/registry/partner_keys.h"
#include "server/registry/partner_rows.h"
#include "server/registry/times.h"
#include "server/registry/webhook_keys.h"

namespace postern::registry {
namespace {

std::string DigestOf(const v1::PartnerEndpoint& endpoint) {
  return std::string(crypto::AsBytes(crypto::Sha256(endpoint.SerializeAsString())));
}

v1::EndpointStanding* StandingOf(v1::Partner* partner, const std::string& id) {
  for (v1::EndpointStanding& standing : *partner->mutable_endpoint_standings()) {
    if (standing.endpoint() == id) return &standing;
  }
  v1::EndpointStanding* const added = partner->add_endpoint_standings();
  added->set_endpoint(id);
  return added;
}

absl::Status EndpointUnknown(absl::string_view partner, absl::string_view id) {
  return errors::NotFound(absl::StrCat(partner, " endpoint ", id));
}

}  // namespace

const v1::PartnerEndpoint* FindEndpoint(const v1::Partner& partner, absl::string_view id) {
  for (const v1::PartnerEndpoint& endpoint : partner.endpoints()) {
    if (absl::string_view(endpoint.id()) == id) return &endpoint;
  }
  return nullptr;
}

const v1::EndpointStanding* FindStanding(const v1::Partner& partner, absl::string_view id) {
  for (const v1::EndpointStanding& standing : partner.endpoint_standings()) {
    if (absl::string_view(standing.endpoint()) == id) return &standing;
  }
  return nullptr;
}

v1::EndpointStanding::State EndpointState(const v1::Partner& partner, const v1::PartnerEndpoint& endpoint) {
  const v1::EndpointStanding* standing = FindStanding(partner, endpoint.id());
  if (standing == nullptr || standing->endpoint_digest() != DigestOf(endpoint)) {
    return v1::EndpointStanding::STATE_UNSPECIFIED;
  }
  return standing->state();
}

absl::Status EndpointRegistry::SetProven(const std::string& partner, const v1::PartnerEndpoint& endpoint) {
  return Set(partner, endpoint, v1::EndpointStanding::STATE_PROVEN, "endpoint.proven");
}

absl::Status EndpointRegistry::SetDisabled(const std::string& partner, const v1::PartnerEndpoint& endpoint) {
  return Set(partner, endpoint, v1::EndpointStanding::STATE_DISABLED, "endpoint.disabled");
}

absl::Status EndpointRegistry::Set(const std::string& partner, const v1::PartnerEndpoint& endpoint,
                                   v1::EndpointStanding::State state, absl::string_view what) {
  absl::MutexLock lock(&control_.mutex);
  POSTERN_ASSIGN_OR_RETURN(storage::PartnerRow row, ReadPartner(*control_.store, partner));
  const v1::PartnerEndpoint* now = FindEndpoint(row.partner, endpoint.id());
  if (now == nullptr || DigestOf(*now) != DigestOf(endpoint)) return EndpointUnknown(partner, endpoint.id());
  v1::EndpointStanding* const standing = StandingOf(&row.partner, endpoint.id());
  standing->set_endpoint_digest(DigestOf(endpoint));
  standing->set_state(state);
  SetTime(control_.clock(), standing->mutable_state_time());
  return Commit({kGatewayPrincipal, v1::AuditEntry::KIND_STATE_CHANGE, what, endpoint.id(), ""}, &row);
}

absl::StatusOr<v1::Partner> EndpointRegistry::Enable(absl::string_view principal,
                                                     const v1::EnablePartnerEndpointRequest& request) {
  absl::MutexLock lock(&control_.mutex);
  POSTERN_ASSIGN_OR_RETURN(storage::PartnerRow row, ReadPartner(*control_.store, request.name()));
  if (FindEndpoint(row.partner, request.endpoint()) == nullptr) {
    return EndpointUnknown(request.name(), request.endpoint());
  }
  v1::EndpointStanding* const standing = StandingOf(&row.partner, request.endpoint());
  standing->clear_endpoint_digest();
  standing->clear_state();
  standing->clear_state_time();
  POSTERN_RETURN_IF_ERROR(
      Commit({principal, v1::AuditEntry::KIND_OPERATOR_ACTION, "endpoint.enabled", request.endpoint(), ""}, &row));
  return row.partner;
}

absl::StatusOr<v1::IssueWebhookSecretResponse> EndpointRegistry::IssueWebhookSecret(
    absl::string_view principal, const v1::IssueWebhookSecretRequest& request) {
  absl::MutexLock lock(&control_.mutex);
  POSTERN_ASSIGN_OR_RETURN(storage::PartnerRow row, ReadPartner(*control_.store, request.name()));
  if (FindEndpoint(row.partner, request.endpoint()) == nullptr) {
    return EndpointUnknown(request.name(), request.endpoint());
  }
  POSTERN_ASSIGN_OR_RETURN(const std::shared_ptr<const crypto::HmacKey> handle_key,
                           LoadHmacKey(*control_.keys, row.handle_key));
  if (handle_key == nullptr) return errors::PartnerTerminated(request.name());
  v1::EndpointStanding* const standing = StandingOf(&row.partner, request.endpoint());
  const int32_t generation = standing->secret_generation() + 1;
  standing->set_secret_generation(generation);
  SetTime(control_.clock(), standing->mutable_secret_time());
  POSTERN_ASSIGN_OR_RETURN(const WebhookKeys keys,
                           DeriveWebhookKeys(*handle_key, request.endpoint(), static_cast<uint32_t>(generation)));
  POSTERN_RETURN_IF_ERROR(Commit({principal, v1::AuditEntry::KIND_OPERATOR_ACTION, "endpoint.secret_issued",
                                  request.endpoint(), absl::StrCat(generation)},
                                 &row));
  v1::IssueWebhookSecretResponse response;
  response.set_secret(SecretText(keys));
  POSTERN_ASSIGN_OR_RETURN(*response.mutable_public_key(), PublicKeyText(keys));
  response.set_generation(generation);
  return response;
}

absl::Status EndpointRegistry::Commit(const Change& made, storage::PartnerRow* row) {
  const std::string name = row->partner.name();
  if (Revoked(row->partner.state())) return errors::PartnerTerminated(name);
  const absl::Time now = control_.clock();
  const std::string etag = row->partner.etag();
  SetTime(now, row->partner.mutable_update_time());
  storage::ChangeSet change;
  POSTERN_RETURN_IF_ERROR(AppendLeaf(&change.audit_leaves, made.kind, {now, made.principal, name}, made.what,
                                     {{"endpoint", made.endpoint}, {"generation", made.generation}}));
  change.partners.push_back({*row, etag});
  POSTERN_ASSIGN_OR_RETURN(const storage::AppliedChange applied, control_.store->Apply(change));
  row->partner.set_etag(applied.partner_etags.at(0));
  POSTERN_RETURN_IF_ERROR(control_.snapshots->Rebuild());
  control_.events->Publish(now, made.what, name, made.principal, {{"endpoint", made.endpoint}});
  return absl::OkStatus();
}

}  // namespace postern::registry
