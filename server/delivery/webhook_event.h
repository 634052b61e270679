// The bodies of webhooks: WebhookEvent as JSON.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "policy/language/compiler.h"
#include "proto/postern/v1/partner_receiver_service.pb.h"

namespace postern::delivery {

// A record with its content as JSON: names and types are those that `bundle` has for the record's type.
// RECORD_TYPE_UNKNOWN if it has none; INTERNAL if the projected bytes are no such message.
absl::StatusOr<std::string> RecordEventJson(const policy::CompiledBundle& bundle, const v1::DeliveredRecord& record,
                                            absl::Time now);

// A challenge.
absl::StatusOr<std::string> ChallengeEventJson(const v1::ConfirmEndpointRequest& request, absl::Time now);

// What a partner answered to a challenge; fields that nobody knows are ignored. INVALID_ARGUMENT if it is no such JSON.
absl::StatusOr<v1::WebhookChallengeAnswer> ParseChallengeAnswer(const std::string& json);

}  // namespace postern::delivery
