#include "client/partner/attestation_signer.h"

#include <utility>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "client/verify/dsse.h"
#include "proto/errors/error.h"

namespace postern::client {

AttestationSigner::AttestationSigner(std::string key_id, std::shared_ptr<EVP_PKEY> key, bool is_ed25519)
    : key_id_(std::move(key_id)), key_(std::move(key)), is_ed25519_(is_ed25519) {}

absl::StatusOr<AttestationSigner> AttestationSigner::Create(std::string key_id, absl::string_view private_key_pem) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
      BIO_new_mem_buf(private_key_pem.data(), static_cast<int>(private_key_pem.size())), BIO_free);
  std::shared_ptr<EVP_PKEY> key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr) : nullptr,
                                EVP_PKEY_free);
  if (key == nullptr)
    return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, "the attestation key is not a PEM private key");
  const bool is_ed25519 = EVP_PKEY_is_a(key.get(), "ED25519") == 1;
  if (!is_ed25519) {
    char group[32] = {};
    size_t length = 0;
    if (EVP_PKEY_is_a(key.get(), "EC") != 1 || EVP_PKEY_get_group_name(key.get(), group, sizeof(group), &length) != 1 ||
        absl::string_view(group) != "prime256v1") {
      return MakeError(v1::ERROR_REASON_INVALID_ARGUMENT, "the attestation key is neither Ed25519 nor P-256");
    }
  }
  return AttestationSigner(std::move(key_id), std::move(key), is_ed25519);
}

absl::StatusOr<v1::SignedEnvelope> AttestationSigner::Sign(const v1::DeletionAttestationStatement& statement) const {
  v1::SignedEnvelope envelope;
  envelope.set_payload_type(std::string(kAttestationPayloadType));
  envelope.set_payload(statement.SerializeAsString());
  const std::string message = verify::PreAuthEncoding(envelope.payload_type(), envelope.payload());
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  const auto* data = reinterpret_cast<const unsigned char*>(message.data());
  size_t size = 0;
  std::string signature;
  if (context == nullptr ||
      EVP_DigestSignInit(context.get(), nullptr, is_ed25519_ ? nullptr : EVP_sha256(), nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, data, message.size()) != 1) {
    return absl::InternalError("signing failed");
  }
  signature.resize(size);
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, data, message.size()) !=
      1) {
    return absl::InternalError("signing failed");
  }
  signature.resize(size);
  auto& entry = *envelope.add_signatures();
  entry.set_key_id(key_id_);
  entry.set_signature(std::move(signature));
  return envelope;
}

}  // namespace postern::client
