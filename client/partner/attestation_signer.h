// Signs deletion attestations: DSSE v1 with the partner's attestation key, which is not its TLS key.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/postern/v1/deletion.pb.h"

typedef struct evp_pkey_st EVP_PKEY;  // as <openssl/types.h> declares it

namespace postern::client {

inline constexpr absl::string_view kNoticePayloadType = "application/vnd.postern.deletion-notice.v1+protobuf";
inline constexpr absl::string_view kAttestationPayloadType = "application/vnd.postern.deletion-attestation.v1+protobuf";

// Thread-safe.
class AttestationSigner {
 public:
  // `private_key_pem`: PKCS#8, Ed25519 or P-256. `key_id`: as registered with the gateway. INVALID_ARGUMENT for
  // anything else.
  static absl::StatusOr<AttestationSigner> Create(std::string key_id, absl::string_view private_key_pem);

  // The envelope over the serialised statement.
  absl::StatusOr<v1::SignedEnvelope> Sign(const v1::DeletionAttestationStatement& statement) const;

 private:
  AttestationSigner(std::string key_id, std::shared_ptr<EVP_PKEY> key, bool is_ed25519);

  std::string key_id_;
  std::shared_ptr<EVP_PKEY> key_;
  bool is_ed25519_;
};

}  // namespace postern::client
