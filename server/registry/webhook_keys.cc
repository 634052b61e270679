#include "server/registry/webhook_keys.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/errors/error.h"
#include "server/crypto/big_endian.h"
#include "server/crypto/hkdf.h"
#include "server/crypto/signature.h"

namespace postern::registry {

using crypto::SecretAccess;

absl::StatusOr<WebhookKeys> DeriveWebhookKeys(const crypto::HmacKey& handle_key, absl::string_view endpoint,
                                              uint32_t generation) {
  constexpr absl::string_view kLabel("\0postern.webhook.v1\0", 20);
  const crypto::Sha256Digest digest = handle_key.Sign({kLabel, crypto::BigEndian32(generation), endpoint});
  const crypto::SecretBytes pseudorandom_key = crypto::SecretBytes::CopyOf(crypto::AsBytes(digest));
  WebhookKeys keys;
  POSTERN_ASSIGN_OR_RETURN(keys.secret, crypto::HkdfExpand(pseudorandom_key, "v1", 32));
  POSTERN_ASSIGN_OR_RETURN(keys.seed, crypto::HkdfExpand(pseudorandom_key, "v1a", 32));
  return keys;
}

std::string SecretText(const WebhookKeys& keys) {
  return absl::StrCat("whsec_", absl::Base64Escape(keys.secret.Reveal(SecretAccess::Granted())));
}

absl::StatusOr<std::string> PublicKeyText(const WebhookKeys& keys) {
  POSTERN_ASSIGN_OR_RETURN(const crypto::PrivateKey key, crypto::PrivateKey::FromEd25519Seed(keys.seed));
  POSTERN_ASSIGN_OR_RETURN(const std::string raw, key.public_key().RawEd25519());
  return absl::StrCat("whpk_", absl::Base64Escape(raw));
}

}  // namespace postern::registry
