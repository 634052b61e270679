// Certificates for partners that bring a key of their own.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/identity/key_pair.h"
#include "server/identity/x509.h"

namespace postern::identity {

// The gateway's enrolment CA. Immutable; thread-safe.
class EnrolmentCa {
 public:
  // INVALID_ARGUMENT unless the pair's leaf is a CA.
  static absl::StatusOr<std::unique_ptr<const EnrolmentCa>> Create(const KeyPair& pair);

  struct Enrolled {
    std::string chain_pem;         // the new certificate, then the CA's chain
    std::string trust_bundle_pem;  // the CA's certificate: what vouches for the new one
    std::string name;              // the one SPIFFE id or DNS name
    bool spiffe = false;
    absl::Time not_after;
    std::string serial;      // lower-case hex
    std::string digest;      // lower-case hex SHA-256 of the DER certificate
    std::string key_digest;  // lower-case hex SHA-256 of the DER SubjectPublicKeyInfo
  };

  // Signs `request_pem` (PKCS#10). Takes the key and the one name from the request and nothing else. INVALID_ARGUMENT
  // if it does not parse, is not signed by its own key or the key is weak (RSA below 2048 bits; anything but RSA,
  // P-256, P-384, Ed25519); IDENTITY_AMBIGUOUS unless it asks for exactly one usable name; CREDENTIAL_EXPIRED if the CA
  // has ended. `valid_days`: 1 to 398; the CA's own end is the last day.
  absl::StatusOr<Enrolled> Sign(absl::string_view request_pem, int valid_days, absl::Time now) const;

 private:
  EnrolmentCa() = default;

  X509Ptr certificate_;
  PkeyPtr key_;
  std::string chain_pem_;
  absl::Time not_after_;
};

}  // namespace postern::identity
