// A small X.509 certificate authority for development: P-256 keys, SHA-256, one name per certificate.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

typedef struct evp_pkey_st EVP_PKEY;
typedef struct x509_st X509;

namespace postern::client {

// A certificate and its key, PEM.
struct KeyPairPem {
  std::string certificate;
  std::string private_key;  // PKCS#8, unencrypted
};

// What a certificate is for. Names are SANs: "spiffe://..." becomes a URI, an IP address an IP, anything else a DNS
// name.
struct CertificateRequest {
  std::vector<std::string> names;
  bool server = false;  // extended key usage: server, client, or both
  bool client = false;
  absl::Time not_before;
  absl::Time not_after;
};

// Thread-safe after construction.
class Authority {
 public:
  // A new self-signed CA.
  static absl::StatusOr<Authority> Create(absl::string_view common_name, absl::Time not_before, absl::Time not_after);
  // An existing one. INVALID_ARGUMENT if the pair does not fit together.
  static absl::StatusOr<Authority> Load(const KeyPairPem& pem);

  absl::StatusOr<KeyPairPem> Issue(const CertificateRequest& request) const;
  absl::StatusOr<KeyPairPem> Pem() const;

 private:
  Authority(std::shared_ptr<X509> certificate, std::shared_ptr<EVP_PKEY> key);

  std::shared_ptr<X509> certificate_;
  std::shared_ptr<EVP_PKEY> key_;
};

enum class SigningAlgorithm { kEd25519, kP256 };

// A fresh signing key: PKCS#8 private and SubjectPublicKeyInfo public, PEM.
struct SigningKeyPem {
  std::string private_key;
  std::string public_key;
};
absl::StatusOr<SigningKeyPem> NewSigningKey(SigningAlgorithm algorithm);

// A P-256 key and a PEM PKCS#10 request for it with one SAN, for enrolment.
struct EnrolmentRequestPem {
  std::string private_key;
  std::string certificate_request;
};
absl::StatusOr<EnrolmentRequestPem> NewEnrolmentRequest(const std::string& name);

}  // namespace postern::client
