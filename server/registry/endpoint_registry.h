// What is known of the endpoints that the gateway delivers to: whether they have proven that they take a partner's
// records, whether they said that they are gone, and which secret signs webhooks to them.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/postern/v1/audit.pb.h"
#include "proto/postern/v1/operator_service.pb.h"
#include "server/registry/control_plane.h"
#include "server/registry/snapshot.h"

namespace postern::registry {

// The endpoint of that id; null if the partner has none.
const v1::PartnerEndpoint* FindEndpoint(const v1::Partner& partner, absl::string_view id);
// The standing of that id, whatever it is about; null if there is none.
const v1::EndpointStanding* FindStanding(const v1::Partner& partner, absl::string_view id);
// The state of an endpoint as it is now: unspecified where it was changed since, or nothing is known.
v1::EndpointStanding::State EndpointState(const v1::Partner& partner, const v1::PartnerEndpoint& endpoint);

// Thread-safe. Errors of all methods: PARTNER_UNKNOWN, NOT_FOUND for an endpoint that the partner does not have (any
// more), PARTNER_TERMINATED, storage errors. Every change is an audit entry and an event, and changes the etag.
class EndpointRegistry {
 public:
  explicit EndpointRegistry(ControlPlane* control) : control_(*control) {}

  // For the gateway's own channels. `endpoint` is what was called: NOT_FOUND if it has been changed meanwhile.
  absl::Status SetProven(const std::string& partner, const v1::PartnerEndpoint& endpoint);
  absl::Status SetDisabled(const std::string& partner, const v1::PartnerEndpoint& endpoint);
  // For operators. The endpoint loses its state.
  absl::StatusOr<v1::Partner> Enable(absl::string_view principal, const v1::EnablePartnerEndpointRequest& request);
  // The next generation. KEY_SHREDDED if the partner's keys are destroyed.
  absl::StatusOr<v1::IssueWebhookSecretResponse> IssueWebhookSecret(absl::string_view principal,
                                                                    const v1::IssueWebhookSecretRequest& request);

 private:
  struct Change {
    absl::string_view principal;
    v1::AuditEntry::Kind kind;
    absl::string_view what;  // "endpoint.proven"
    absl::string_view endpoint;
    std::string generation;  // of a secret; else empty
  };
  absl::Status Set(const std::string& partner, const v1::PartnerEndpoint& endpoint, v1::EndpointStanding::State state,
                   absl::string_view what);
  // Stores `row` and makes it what holds.
  absl::Status Commit(const Change& change, storage::PartnerRow* row) ABSL_EXCLUSIVE_LOCKS_REQUIRED(control_.mutex);

  ControlPlane& control_;
};

}  // namespace postern::registry
