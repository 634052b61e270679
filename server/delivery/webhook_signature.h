// The headers of Standard Webhooks 1.0.0 (https://www.standardwebhooks.com).
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proto/postern/v1/contract.pb.h"
#include "server/registry/snapshot.h"
#include "server/registry/webhook_keys.h"

namespace postern::delivery {

// How long the secret before the newest one signs along.
inline constexpr absl::Duration kSecretOverlap = absl::Hours(24);

// The keys that sign for an endpoint now, the newest first: FAILED_PRECONDITION if no secret was issued, or the
// partner's keys are destroyed.
absl::StatusOr<std::vector<registry::WebhookKeys>> SigningKeys(const registry::PartnerView& partner,
                                                               absl::string_view endpoint, absl::Time now);

// The value of "webhook-signature" over "{id}.{timestamp}.{body}": one signature a key, space-delimited. `seconds` is
// the value of "webhook-timestamp".
absl::StatusOr<std::string> WebhookSignature(const std::vector<registry::WebhookKeys>& keys,
                                             v1::Delivery::Webhook::Signature scheme, absl::string_view id,
                                             int64_t seconds, absl::string_view body);

}  // namespace postern::delivery
