#include "server/delivery/webhook_signature.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/errors/error.h"
#include "server/crypto/hmac.h"
#include "server/crypto/signature.h"
#include "server/registry/endpoint_registry.h"
#include "server/registry/times.h"

namespace postern::delivery {

absl::StatusOr<std::vector<registry::WebhookKeys>> SigningKeys(const registry::PartnerView& partner,
                                                               absl::string_view endpoint, absl::Time now) {
  const v1::EndpointStanding* standing = registry::FindStanding(partner.resource, endpoint);
  if (partner.handle == nullptr || standing == nullptr || standing->secret_generation() == 0) {
    return MakeError(v1::ERROR_REASON_KEY_SHREDDED, "the endpoint has no secret");
  }
  const auto generation = static_cast<uint32_t>(standing->secret_generation());
  std::vector<registry::WebhookKeys> keys;
  POSTERN_ASSIGN_OR_RETURN(registry::WebhookKeys newest,
                           registry::DeriveWebhookKeys(*partner.handle, endpoint, generation));
  keys.push_back(std::move(newest));
  if (generation > 1 && now < registry::ToTime(standing->secret_time()) + kSecretOverlap) {
    POSTERN_ASSIGN_OR_RETURN(registry::WebhookKeys before,
                             registry::DeriveWebhookKeys(*partner.handle, endpoint, generation - 1));
    keys.push_back(std::move(before));
  }
  return keys;
}

absl::StatusOr<std::string> WebhookSignature(const std::vector<registry::WebhookKeys>& keys,
                                             v1::Delivery::Webhook::Signature scheme, absl::string_view id,
                                             int64_t seconds, absl::string_view body) {
  const std::string content = absl::StrCat(id, ".", seconds, ".", body);
  std::vector<std::string> signatures;
  for (const registry::WebhookKeys& key : keys) {
    if (scheme == v1::Delivery::Webhook::ED25519) {
      POSTERN_ASSIGN_OR_RETURN(const crypto::PrivateKey private_key, crypto::PrivateKey::FromEd25519Seed(key.seed));
      POSTERN_ASSIGN_OR_RETURN(const std::string signature, private_key.Sign(content));
      signatures.push_back(absl::StrCat("v1a,", absl::Base64Escape(signature)));
    } else {
      const crypto::Sha256Digest mac =
          crypto::HmacOnce(key.secret.Reveal(crypto::SecretAccess::Granted()), {absl::string_view(content)});
      signatures.push_back(absl::StrCat("v1,", absl::Base64Escape(crypto::AsBytes(mac))));
    }
  }
  return absl::StrJoin(signatures, " ");
}

}  // namespace postern::delivery
