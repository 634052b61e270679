// The keys that sign webhooks to one endpoint. They are derived and never stored: they live and die with the partner's
// handle key.
//
//   pseudorandom key = HMAC-SHA256(handle key, 0x00 ‖ "postern.webhook.v1" ‖ 0x00 ‖ generation, 4 bytes big-endian
//                                              ‖ endpoint id)
//   secret           = HKDF-Expand(pseudorandom key, "v1", 32)
//   Ed25519 seed     = HKDF-Expand(pseudorandom key, "v1a", 32)
//
// No handle comes from such an input: what is hashed for a handle begins with a purpose, which is not empty.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/crypto/hmac.h"
#include "server/crypto/secret.h"

namespace postern::registry {

struct WebhookKeys {
  crypto::SecretBytes secret;  // Standard Webhooks "v1"
  crypto::SecretBytes seed;    // "v1a": the Ed25519 private key of RFC 8032
};

// INTERNAL if the library fails.
absl::StatusOr<WebhookKeys> DeriveWebhookKeys(const crypto::HmacKey& handle_key, absl::string_view endpoint,
                                              uint32_t generation);

// "whsec_" and the base64 of the secret: what the partner is handed once.
std::string SecretText(const WebhookKeys& keys);
// "whpk_" and the base64 of the Ed25519 public key.
absl::StatusOr<std::string> PublicKeyText(const WebhookKeys& keys);

}  // namespace postern::registry
